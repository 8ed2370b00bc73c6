/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every hook family shares: the settings, the maps, the target test, and the only way to
 * emit. Programs observe and emit; they never interpret.
 *
 * The target test comes before all else that costs, because processes that are not targets pay
 * for it: one load from a table of a byte per process id, no hash. Only what has no target yet (the
 * steps of a page migration, CPU hotplug, a change of affinity) does more, and is rare.
 */
#ifndef NUMADRIFT_OBSERVE_BPF_H
#define NUMADRIFT_OBSERVE_BPF_H

#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "numadrift/wire.h"
#include "numadrift/settings.h"

extern const volatile struct nd_settings settings;

/* Non-zero: the process with this id is a target. Written by user space and at fork. */
extern u8 targets[ND_MAX_PIDS];

/* Changes whenever the programs of the page-fault path are attached again: what one of them left
 * before says nothing now. */
extern u32 fault_slice;

/* From when on they look at nothing, attached or not: a slice ends in time, however late user space
 * is. 0: no end is set. */
extern u64 fault_slice_end_ns;

static __always_inline bool is_in_fault_slice(void)
{
	u64 end_ns = fault_slice_end_ns;

	return !end_ns || bpf_ktime_get_ns() < end_ns;
}

/* A ring per node, its memory on that node; filled in by user space. */
struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NUMA_NODE); /* inner maps must agree in it (bpf_map_meta_equal) */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, ND_MAX_NODES);
	__type(key, u32);
	__array(values, struct ring);
} rings SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ND_KERNEL_KINDS);
	__type(key, u32);
	__type(value, struct nd_count);
} counts SEC(".maps") __weak;

/* A run of first touches that goes on: touch.bpf.h. */
struct extent {
	u64 address;
	u64 first_ns;
	u64 jiffies; /* of the first touch */
	u32 pages;   /* 0: none is open */
	s32 node;
	u32 seq; /* odd while being replaced */
	u8 memory;
};

/* A run of hint faults that goes on: hint.bpf.h. */
struct hint_run {
	u64 address;
	u64 first_ns;
	u64 jiffies; /* of the first fault */
	u32 pages;   /* 0: none is open */
	s32 page_node;
	s32 target_node;
	u32 flags;
	u32 seq; /* odd while being replaced */
};

/* A page fault that begins, for what comes of it: fault.bpf.h. */
struct fault {
	u64 address; /* of the page; 0: none */
	u64 before;  /* what was there: look_up() */
	u64 time_ns;
	u64 jiffies;
	u32 slice;
};

/* What one hook leaves for a later one of the same thread. */
struct thread_state {
	struct fault fault; /* the last one (tracepoint path) */
	u32 hint_slice;
	u64 hint_time_ns; /* hint fault in progress, 0 for none */
	u64 hint_address;
	s32 hint_page_node;
	s32 hint_target_node;
	s32 numa_cpu; /* where NUMA balancing announced to move the thread, plus 1 */
	struct extent extent;
	struct hint_run hint_run;
	u64 sampled_line; /* what it used when it was last sampled; 0: nothing is known */
};

/* In the task itself where the kernel can (settings.has_task_storage): a page fault looks it up
 * twice, and a hash costs 30 ns more each time. Of the two maps only the one in use is made. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} task_states SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, struct thread_state);
} thread_states SEC(".maps") __weak;

static __always_inline bool is_target(u32 pid)
{
	return targets[pid & (ND_MAX_PIDS - 1)];
}

static __always_inline u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline u32 current_tid(void)
{
	return (u32)bpf_get_current_pid_tgid();
}

static __always_inline void count_lost(u32 kind)
{
	struct nd_count *count = bpf_map_lookup_elem(&counts, &kind);

	if (count) {
		count->emitted++;
		count->lost++;
	}
}

/*
 * The only reserve: every failure is counted by kind. A reserved record must be submitted.
 * The reader comes by itself every few milliseconds; waking it for each event would cost 2-4 us.
 * It is woken by whoever fills another settings.wake_bytes of the ring.
 */
static __always_inline void *reserve(u32 kind, u32 payload_bytes, u32 pid, u32 tid)
{
	u32 node = bpf_get_numa_node_id();
	struct nd_count *count = bpf_map_lookup_elem(&counts, &kind);
	void *ring = bpf_map_lookup_elem(&rings, &node);
	struct nd_header *header;
	u64 position;

	if (count)
		count->emitted++;
	header = ring ? bpf_ringbuf_reserve(ring, sizeof(*header) + payload_bytes, 0) : NULL;
	if (!header) {
		if (count)
			count->lost++;
		return NULL;
	}
	header->time_ns = bpf_ktime_get_ns();
	header->pid = pid;
	header->tid = tid;
	header->kind = kind;
	position = bpf_ringbuf_query(ring, BPF_RB_PROD_POS);
	header->wakes = position / settings.wake_bytes !=
			(position - sizeof(*header) - payload_bytes) / settings.wake_bytes;
	header->reserved = 0;
	return header;
}

#define RESERVE(name, pid, tid)                                                                    \
	({                                                                                         \
		struct nd_header *header_ =                                                        \
		    reserve(ND_EVENT_##name, sizeof(struct nd_##name), pid, tid);                  \
		header_ ? (struct nd_##name *)(header_ + 1) : NULL;                                \
	})

static __always_inline void submit(void *payload)
{
	struct nd_header *header = payload - sizeof(struct nd_header);

	bpf_ringbuf_submit(header, header->wakes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline struct nd_header *header_of(void *payload)
{
	return payload - sizeof(struct nd_header);
}

static __always_inline struct thread_state *hashed_state(u32 tid, bool make)
{
	struct thread_state *state = bpf_map_lookup_elem(&thread_states, &tid);

	if (!state && make) {
		struct thread_state fresh = {};

		bpf_map_update_elem(&thread_states, &tid, &fresh, BPF_NOEXIST);
		state = bpf_map_lookup_elem(&thread_states, &tid);
	}
	return state;
}

#define STATE_FLAGS(make) ((make) ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0)

/* The state of a thread of a target. With `make`, NULL means no memory or a full table: the caller
 * counts what it could not say. */
static __always_inline struct thread_state *state_of(struct task_struct *p, bool make)
{
	if (settings.has_task_storage)
		return bpf_task_storage_get(&task_states, p, NULL, STATE_FLAGS(make));
	return hashed_state(p->pid, make);
}

static __always_inline struct thread_state *own_state(bool make)
{
	if (settings.has_task_storage)
		return bpf_task_storage_get(&task_states, bpf_get_current_task_btf(), NULL,
					    STATE_FLAGS(make));
	return hashed_state(current_tid(), make);
}

static __always_inline u32 task_cpu(struct task_struct *p)
{
	struct task_struct___v5_10 *old = (void *)p;

	if (bpf_core_field_exists(old->cpu))
		return old->cpu;
	return p->thread_info.cpu;
}

static __always_inline void copy_comm(struct nd_comm *to, struct task_struct *p)
{
	__builtin_memcpy(to->text, p->comm, sizeof(to->text));
}

/* page->flags; the first word of a folio too (struct folio begins with its head page). */
#define PAGE_FLAGS(head)                                                                           \
	({                                                                                         \
		u64 flags_;                                                                        \
		if (bpf_core_field_exists(((struct page___flags_long *)0)->flags))                 \
			flags_ = ((struct page___flags_long *)(head))->flags;                      \
		else                                                                               \
			flags_ = ((struct page *)(head))->flags.f;                                 \
		flags_;                                                                            \
	})

/* With SPARSEMEM_VMEMMAP the node is the topmost field (include/linux/page-flags-layout.h). */
static __always_inline s32 node_of_flags(u64 flags)
{
	return settings.nodes_shift ? (s32)(flags >> (64 - settings.nodes_shift)) : 0;
}

static __always_inline bool has_flag(u64 flags, u32 bit)
{
	return flags >> bit & 1;
}

#define HAS_HEAD(flags) has_flag(flags, bpf_core_enum_value(enum pageflags, PG_head))

/* Pages of a folio: folio_nr_pages(). */
static __always_inline u32 folio_pages(struct folio *folio, u64 flags)
{
	struct folio___v6_1 *old = (void *)folio;

	if (!HAS_HEAD(flags))
		return 1;
	if (bpf_core_field_exists(old->_folio_nr_pages))
		return old->_folio_nr_pages;
	return folio->_nr_pages;
}

/* The nodes a memory policy names, the first 64. Up to 5.13 they are in a union whose first member
 * the verifier takes for all of it: there only probe_read sees them (0 without). */
static __always_inline u64 policy_nodes(struct mempolicy *policy)
{
	if (bpf_core_field_exists(((struct mempolicy___v5_10 *)0)->v))
		return 0;
	return policy->nodes.bits[0];
}

/* Whose memory it is; current may be khugepaged, kswapd or another process. 0 where nobody is left
 * whose it is (mm_update_next_owner()), of whom a rmap walk may still find pages. That NULL must
 * not be followed: up to 6.4 the program proper has no exception table where it has subprograms
 * ("bpf: ensure main program has an extable"), and the kernel panics instead of reading 0; 5.10.223
 * did. */
static __always_inline u32 vma_pid(struct vm_area_struct *vma)
{
	struct task_struct *owner = vma->vm_mm->owner;

	return owner ? owner->tgid : 0;
}

#endif
