/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The one list of events. Kernel events come from bpf/ through the rings as `struct nd_header`
 * followed by the event's struct; user events are what the recorder learns elsewhere. Both are
 * written to the trace with the same numbers and in the field order given here.
 *
 * Numbers and fields are append-only: a trace of today is read for years. A reader that meets a
 * longer event of the same number skips the fields it does not know.
 *
 * Owns: numbers, names, fields. Does not own: how a trace stores them (user/trace/FORMAT.md).
 *
 * X(number, name, Type): `nd_<name>` is the C struct, `Type` the C++ one.
 * F(type, field): types u8 u16 u32 u64 s32, comm (16 bytes), text (user events only).
 */
#ifndef NUMADRIFT_EVENTS_H
#define NUMADRIFT_EVENTS_H

#define ND_COMM_BYTES 16

/* clang-format off */
#define ND_KERNEL_EVENTS(X)                                                                        \
	X(1, task_new, TaskNew)                                                                    \
	X(2, task_exec, TaskExec)                                                                  \
	X(3, task_rename, TaskRename)                                                              \
	X(4, task_exit, TaskExit)                                                                  \
	X(5, task_gone, TaskGone)                                                                  \
	X(6, cpu_move, CpuMove)                                                                    \
	X(7, first_touch, FirstTouch)                                                              \
	X(8, hint_fault, HintFault)                                                                \
	X(9, numa_decision, NumaDecision)                                                          \
	X(10, page_move, PageMove)

/* A thread was woken for the first time, on `cpu`; `parent_tid` made it. */
#define ND_FIELDS_task_new(F) F(u32, cpu) F(u32, parent_tid) F(comm, comm)
/* The process runs another program; the calling thread was `old_tid` and is now tid == pid. */
#define ND_FIELDS_task_exec(F) F(u32, old_tid) F(comm, comm)
#define ND_FIELDS_task_rename(F) F(comm, comm)
/* The thread is ending on `cpu`. runtime_ns lacks what ran since the last tick; task_gone has all. */
#define ND_FIELDS_task_exit(F) F(u32, cpu) F(u64, runtime_ns)
/* The kernel released the thread: its final run time. Its CPU is that of task_exit. */
#define ND_FIELDS_task_gone(F) F(u64, runtime_ns)
/* The scheduler takes the thread from one CPU to another. It is not running: runtime_ns is exact,
 * and what was added since the last look was run on from_cpu. by_tid is 0 where nobody in
 * particular did it. cause: ND_CAUSES. */
#define ND_FIELDS_cpu_move(F)                                                                      \
	F(u32, from_cpu) F(u32, to_cpu) F(u64, runtime_ns) F(u32, by_tid) F(comm, by_comm) F(u8, cause)
/* `pages` (4 KiB) from `address` got their place on `node` by the header's thread; tid 0: by
 * the kernel or another process (by_tid) on behalf of pid. memory: ND_MEMORY_KINDS. */
#define ND_FIELDS_first_touch(F)                                                                   \
	F(u64, address) F(u32, pages) F(s32, node) F(u8, memory) F(u32, by_tid)
/* NUMA hint faults, one or a run of them: the thread used `pages` from `address` that were on page_node
 * at that moment. target_node: where the kernel wants them, -1 to leave them. flags: TNF_* of
 * kernel/sched/sched.h. A node of -1 is unknown, and then the address too. */
#define ND_FIELDS_hint_fault(F)                                                                    \
	F(u64, address) F(u32, pages) F(s32, page_node) F(s32, target_node) F(u32, flags)
/* NUMA balancing decided about the thread. decision: ND_DECISIONS; CPUs -1 where there is none.
 * reason: enum numa_vmaskip_reason for skip_vma. */
#define ND_FIELDS_numa_decision(F)                                                                 \
	F(u8, decision) F(s32, from_cpu) F(s32, to_cpu) F(u32, other_tid) F(u32, reason)
/* `pages` from `address` of process pid moved between nodes; tid is the thread in whose context
 * it happened if it is one of pid, else 0 (kswapd, migratepages: by_tid). from_node -1: unknown.
 * reason: ND_MOVE_REASONS. */
#define ND_FIELDS_page_move(F)                                                                     \
	F(u64, address) F(u32, pages) F(s32, from_node) F(s32, to_node) F(u8, reason) F(u32, by_tid)

#define ND_USER_EVENTS(X)                                                                          \
	X(32, trace_begin, TraceBegin)                                                             \
	X(33, topology_node, TopologyNode)                                                         \
	X(34, topology_cpu, TopologyCpu)                                                           \
	X(35, node_distance, NodeDistance)                                                         \
	X(36, source_state, SourceState)                                                           \
	X(37, target, Target)                                                                      \
	X(38, task_seen, TaskSeen)                                                                 \
	X(39, runtime, Runtime)                                                                    \
	X(40, lost, Lost)                                                                          \
	X(41, overhead, Overhead)                                                                  \
	X(42, mark, Mark)                                                                          \
	X(43, damage, Damage)                                                                      \
	X(44, trace_end, TraceEnd)                                                                 \
	X(45, access_sample, AccessSample)                                                         \
	X(46, sampling, Sampling)                                                                  \
	X(47, kernel_faults, KernelFaults)                                                         \
	X(48, residency, Residency)                                                                \
	X(49, limits, Limits)                                                                      \
	X(50, rate, Rate)                                                                          \
	X(51, window_begin, WindowBegin)                                                           \
	X(52, window_end, WindowEnd)                                                               \
	X(53, process, Process)                                                                    \
	X(54, counter, Counter)

/* First event of a trace. numa_balancing: the sysctl, -1 where the kernel has none. firmware: what DMI says
 * of it, empty where it says nothing. */
#define ND_FIELDS_trace_begin(F)                                                                   \
	F(u64, start_unix_ns) F(s32, numa_balancing) F(text, host) F(text, kernel) F(text, version)   \
	F(text, firmware)
#define ND_FIELDS_topology_node(F) F(s32, node) F(u64, memory_bytes)
/* llc: an id shared by the CPUs under one last-level cache, -1 where sysfs does not tell. offline: then; told
 * again where it changes. */
#define ND_FIELDS_topology_cpu(F) F(u32, cpu) F(s32, node) F(s32, llc) F(u8, offline)
#define ND_FIELDS_node_distance(F) F(s32, from_node) F(s32, to_node) F(u32, distance)
/* A source of events: on, or off and why; `limits` says what it cannot see although on. */
#define ND_FIELDS_source_state(F) F(text, source) F(u8, on) F(text, why) F(text, limits)
#define ND_FIELDS_target(F) F(text, how)
/* A thread that was there when the recorder attached. */
#define ND_FIELDS_task_seen(F) F(u32, cpu) F(u64, runtime_ns) F(comm, comm)
/* Run time so far of a thread and the CPU it is on; lacks up to a tick of one running now. Written
 * only when it changed: until idle_until_ns the thread had not run since the event before. */
#define ND_FIELDS_runtime(F) F(u32, cpu) F(u64, runtime_ns) F(u64, idle_until_ns)
/* `count` events of kind `event` were lost since the last such event. */
#define ND_FIELDS_lost(F) F(u32, event) F(u64, count)
/* What recording cost so far: in BPF programs (estimated), in the reader, in queries. nice: the reader's. */
#define ND_FIELDS_overhead(F) F(u64, bpf_ns) F(u64, reader_cpu_ns) F(u64, query_ns) F(s32, nice)
#define ND_FIELDS_mark(F) F(text, text)
/* The reader of a trace could not read `bytes` here: events are missing at this place. */
#define ND_FIELDS_damage(F) F(u64, bytes)
/* Last event of a trace that was finished in order. emitted: by the kernel side, lost ones too;
 * missed: program runs that the kernel left out. */
#define ND_FIELDS_trace_end(F) F(u64, emitted) F(u64, received) F(u64, missed)

/* The thread was caught using `address` (of a cache line, 64 bytes), and its page was on `node` then.
 * how: ND_SAMPLE_KINDS. */
#define ND_FIELDS_access_sample(F) F(u64, address) F(s32, node) F(u8, how)
/* What became of the thread's samples since the last such event: taken; of them in the kernel
 * without a user address, without an address that could be worked out, in its own stack, thread
 * locals or program text, on a page that has no node (not present, zero page), and not asked for
 * because questions have a budget. */
#define ND_FIELDS_sampling(F)                                                                      \
	F(u32, taken) F(u32, in_kernel) F(u32, opaque) F(u32, own) F(u32, absent) F(u32, unasked)
/* task_struct::numa_faults of the thread, NUMA_MEM, shared and private: a decaying count of pages
 * it took hint faults on that are now on `node`. preferred_node: numa_preferred_nid, or -1. */
#define ND_FIELDS_kernel_faults(F) F(s32, node) F(u64, pages) F(s32, preferred_node)
/* Where the memory of process pid is, by random sampling: in mappings of this kind and policy,
 * `pages` (4 KiB) are on `node`, with 95 % between low and high; `pinned` of them cannot be migrated, as far as
 * page tables were walked. One set has one time. */
#define ND_FIELDS_residency(F)                                                                     \
	F(text, mapping) F(text, policy) F(s32, node) F(u64, pages) F(u64, low) F(u64, high)       \
		F(u64, pinned)
/* Where the thread may run and allocate: Cpus_allowed_list, Mems_allowed_list, and its memory
 * policy (MPOL_* of linux/mempolicy.h, -1 where unknown) with the nodes it names. cpuset_cpus: what its own
 * cpuset allows, where it is in another than its process (a threaded cgroup, or version 1); else empty. */
#define ND_FIELDS_limits(F)                                                                        \
	F(text, cpus) F(text, mems) F(s32, policy) F(text, policy_nodes) F(text, cpuset_cpus)

/* From now on the trace has one in `one_in` (a power of two) of the events of kind `event`, by random
 * slices of time: the budget allows no more. 1: all of them again. */
#define ND_FIELDS_rate(F) F(u32, event) F(u32, one_in)

/* The trace, or what is read of it, is a window of a longer recording that began at recording_ns. Events
 * before this one are state, not news: what was known when the window began, dated as it came. */
#define ND_FIELDS_window_begin(F) F(u64, recording_ns)
/* The window ended here in order, and why there. */
#define ND_FIELDS_window_end(F) F(text, why)
/* Of a process: the path of its cgroup, without the mount point, and the CPUs and memory nodes that its cpuset
 * allows (cpuset.cpus.effective and mems); empty where it has none. pinned_bytes: of its memory, by devices and
 * io_uring (VmPin): that cannot be migrated. */
#define ND_FIELDS_process(F) F(text, cgroup) F(text, cpus) F(text, mems) F(u64, pinned_bytes)
/* What the host counts, by name (user/probe/counters.h): of a node, or of all for -1. */
#define ND_FIELDS_counter(F) F(s32, node) F(text, name) F(u64, value)

#define ND_EVENTS(X) ND_KERNEL_EVENTS(X) ND_USER_EVENTS(X)

/* Why a thread changed its CPU. rt_push, rt_pull: real-time and deadline classes make room for a higher one, or
 * take what waits for a CPU. */
#define ND_CAUSES(X)                                                                               \
	X(0, unknown) X(1, wakeup) X(2, load_balance) X(3, active_balance) X(4, numa_balance)      \
	X(5, affinity) X(6, exec) X(7, hotplug) X(8, rt_push) X(9, rt_pull)

#define ND_MEMORY_KINDS(X) X(0, unknown) X(1, anonymous) X(2, file) X(3, shared) X(4, hugetlb)

#define ND_DECISIONS(X) X(0, move) X(1, swap) X(2, stick) X(3, skip_vma) X(4, skip_cpuset)

/* exact: the page itself; base: a page of the mapping at random, only the base of the address is known;
 * fault: the page itself, while the kernel handled a page fault on it; copy: one end of what the kernel
 * copied for the thread, its own memory too (the page cache, at an address of the kernel's). */
#define ND_SAMPLE_KINDS(X) X(0, exact) X(1, base) X(2, fault) X(3, copy)

/* enum migrate_reason (include/linux/migrate_mode.h), by name; 0 where the kernel did not say. collapse: into a
 * huge page elsewhere, by khugepaged or MADV_COLLAPSE. ksm: replaced by an equal page elsewhere. */
#define ND_MOVE_REASONS(X)                                                                         \
	X(0, unknown) X(1, compaction) X(2, memory_failure) X(3, memory_hotplug) X(4, syscall)     \
	X(5, mbind) X(6, numa_misplaced) X(7, contig_range) X(8, longterm_pin) X(9, demotion)      \
	X(10, damon) X(11, collapse) X(12, ksm)
/* clang-format on */

enum nd_event_kind {
#define ND_KIND(number, name, type) ND_EVENT_##name = number,
	ND_EVENTS(ND_KIND)
#undef ND_KIND
};

/* Kernel events have numbers below this: the size of tables indexed by kind. */
#define ND_KERNEL_KINDS 16

/* Raw samples become access_sample events in user space only; here they are counted. */
#define ND_COUNT_SAMPLES 15

enum nd_cause {
#define ND_ITEM(number, name) ND_CAUSE_##name = number,
	ND_CAUSES(ND_ITEM)
#undef ND_ITEM
};
enum nd_memory {
#define ND_ITEM(number, name) ND_MEMORY_##name = number,
	ND_MEMORY_KINDS(ND_ITEM)
#undef ND_ITEM
};
enum nd_decision {
#define ND_ITEM(number, name) ND_DECISION_##name = number,
	ND_DECISIONS(ND_ITEM)
#undef ND_ITEM
};
enum nd_sample_kind {
#define ND_ITEM(number, name) ND_SAMPLE_##name = number,
	ND_SAMPLE_KINDS(ND_ITEM)
#undef ND_ITEM
};
enum nd_move_reason {
#define ND_ITEM(number, name) ND_REASON_##name = number,
	ND_MOVE_REASONS(ND_ITEM)
#undef ND_ITEM
};

#endif
