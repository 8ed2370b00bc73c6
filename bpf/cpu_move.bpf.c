// SPDX-License-Identifier: GPL-2.0-only
/* Moves between CPUs, the run time spent on the CPU that was left, and why. */
#include "fault.bpf.h"
#include "hint.bpf.h"

/* A call that moved nobody (the thread slept, or was allowed where it is) explains no move that
 * comes later than this: then a cpuset may as well have done it, and nobody is named. */
#define SETTER_NS 1000000000ull

/* Who asked to change a thread's affinity last, by tid: the host's, as nothing tells whose it is.
 */
struct setter {
	u64 time_ns;
	u32 tid;
	struct nd_comm comm;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct setter);
} setters SEC(".maps");

/* CPUs that are being taken down. Not in .bss: up to 5.10 no map value may exceed the 4 MiB that
 * `targets` takes (KMALLOC_MAX_SIZE). */
SEC(".data.hotplug") u8 cpu_going_down[ND_MAX_CPUS];

/* cpuhp_enter(cpu, target, state, callback): a step on the way to `target`. A CPU goes down in two
 * parts (_cpu_down() in kernel/cpu.c): what the CPU does itself, up to CPUHP_TEARDOWN_CPU, in which
 * balance_push() sends its threads away, and what others do, to CPUHP_OFFLINE. On the way up
 * targets below are passed too, when no thread is there. */
SEC("tp_btf/cpuhp_enter")
int BPF_PROG(on_hotplug, unsigned int cpu, int target)
{
	cpu_going_down[cpu & (ND_MAX_CPUS - 1)] =
	    target <= (int)bpf_core_enum_value(enum cpuhp_state, CPUHP_TEARDOWN_CPU);
	return 0;
}

#define WORD(n)                                                                                    \
	case n:                                                                                    \
		return settings.cpu_words > n ? mask->bits[n] : 0;
#define WORDS4(n) WORD(n) WORD(n + 1) WORD(n + 2) WORD(n + 3)
#define WORDS16(n) WORDS4(n) WORDS4(n + 4) WORDS4(n + 8) WORDS4(n + 12)

/* Typed kernel memory is readable at constant offsets only, and probe_read is refused under
 * lockdown=confidentiality: hence one case a word. Words this kernel lacks are dead code. */
static __noinline u64 mask_word(const struct cpumask *mask, u32 word)
{
	switch (word) {
		WORDS16(0) WORDS16(16) WORDS16(32) WORDS16(48)
	}
	return 0;
}

static __always_inline bool may_run_on(struct task_struct *p, u32 cpu)
{
	return mask_word(p->cpus_ptr, cpu / 64) >> (cpu % 64) & 1;
}

/* Of a real-time or deadline class, or lent such a priority: no load balancer moves it
 * (include/linux/sched/prio.h, MAX_RT_PRIO). */
static __always_inline bool is_realtime(struct task_struct *p)
{
	return p->prio < 100;
}

static __always_inline u32 run_state(struct task_struct *p)
{
	struct task_struct___v5_10 *old = (void *)p;

	if (bpf_core_field_exists(old->state))
		return old->state;
	return p->__state;
}

/* Is current a kernel thread whose name begins so? A program may take the name: what depends on it
 * must do no harm then. */
static __always_inline bool is_current(const char *name, u32 length)
{
	char comm[16];

	if (bpf_get_current_comm(comm, sizeof(comm)) || current_pid() != current_tid())
		return false;
	for (u32 i = 0; i < length; i++)
		if (comm[i] != name[i])
			return false;
	return true;
}

/* Is current a CPU's stopper thread? Asked last, so a program that took the name can only turn an
 * unknown cause into a wrong one. */
static __always_inline bool in_stopper(void)
{
	return is_current("migration/", 10);
}

/* The order matters: what forces a move outranks who happened to carry it out. */
static __always_inline u8 cause_of(struct task_struct *task, struct thread_state *state, u32 from,
				   u32 to)
{
	if (cpu_going_down[from & (ND_MAX_CPUS - 1)])
		return ND_CAUSE_hotplug;
	if (!may_run_on(task, from))
		return ND_CAUSE_affinity;
	if (state && state->numa_cpu == (s32)to + 1)
		return ND_CAUSE_numa_balance;
	if (run_state(task) == TASK_WAKING)
		return ND_CAUSE_wakeup;
	if (is_realtime(task) && !BPF_CORE_READ_BITFIELD(task, in_execve))
		return to == bpf_get_smp_processor_id() ? ND_CAUSE_rt_pull : ND_CAUSE_rt_push;
	if (to == bpf_get_smp_processor_id())
		return ND_CAUSE_load_balance; /* detach_task(): the balancer pulls to its own CPU */
	if (in_stopper())
		return BPF_CORE_READ_BITFIELD(task, in_execve) ? ND_CAUSE_exec
							       : ND_CAUSE_active_balance;
	return ND_CAUSE_load_balance; /* by an idle CPU on behalf of another: nohz_idle_balance() */
}

static __always_inline void note_setter(u32 tid)
{
	struct setter setter = {};

	setter.time_ns = bpf_ktime_get_ns();
	setter.tid = current_tid();
	bpf_get_current_comm(setter.comm.text, sizeof(setter.comm.text));
	bpf_map_update_elem(&setters, &tid, &setter, BPF_ANY);
}

/* Once: the next move may have another reason. */
static __always_inline void name_setter(struct nd_cpu_move *event)
{
	u32 tid = header_of(event)->tid;
	struct setter *setter = bpf_map_lookup_elem(&setters, &tid);

	if (!setter || header_of(event)->time_ns - setter->time_ns >= SETTER_NS)
		return;
	event->by_tid = setter->tid;
	event->by_comm = setter->comm;
	setter->time_ns = 0;
}

/*
 * sched_migrate_task(p, dest_cpu), before the CPU changes. p does not run, so its run time is
 * exact and belongs to the CPU it leaves. current is the waker, the balancer or the stopper.
 */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_migrate, struct task_struct *p, int dest_cpu)
{
	struct thread_state *state;
	struct nd_cpu_move *event;
	u32 from;

	if (!is_target(p->tgid))
		return 0;
	state = state_of(p, false);
	if (state) {
		settle_pending(state, p->tgid, p->pid, p);
		end_runs(state, p->tgid, p->pid);
	}
	event = RESERVE(cpu_move, p->tgid, p->pid);
	if (!event)
		return 0;
	from = task_cpu(p);
	event->from_cpu = from;
	event->to_cpu = dest_cpu;
	event->runtime_ns = p->se.sum_exec_runtime;
	event->by_tid = 0;
	__builtin_memset(&event->by_comm, 0, sizeof(event->by_comm));
	event->cause = cause_of(p, state, from, dest_cpu);
	if (event->cause == ND_CAUSE_wakeup) {
		event->by_tid = current_tid();
		bpf_get_current_comm(event->by_comm.text, sizeof(event->by_comm.text));
	} else if (event->cause == ND_CAUSE_affinity) {
		name_setter(event);
	}
	if (state)
		state->numa_cpu = 0;
	submit(event);
	return 0;
}

/*
 * sched_setaffinity(pid, len, mask), in the caller: the move itself is done by the stopper, which
 * does not know who asked. pid is in the caller's pid namespace; elsewhere than in the first one
 * it names nobody of ours or, at worst, leaves `by` to a thread that did call for another one.
 */
SEC("fentry/__x64_sys_sched_setaffinity")
int BPF_PROG(on_setaffinity, const struct pt_regs *regs)
{
	u32 tid = regs->di;

	note_setter(tid ? tid : current_tid());
	return 0;
}

/*
 * set_cpus_allowed_ptr(p, mask), by whom a cpuset was written to or p was put into it
 * (update_tasks_cpumask() and cpuset_attach() in kernel/cgroup/cpuset.c, 5.10 to 7.2). Work that
 * the kernel put off, after hotplug, is nobody's.
 */
SEC("fentry/set_cpus_allowed_ptr")
int BPF_PROG(on_cpuset, struct task_struct *p)
{
	if (is_target(p->tgid) && !is_current("kworker/", 8))
		note_setter(p->pid);
	return 0;
}
