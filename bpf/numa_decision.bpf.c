// SPDX-License-Identifier: GPL-2.0-only
/* What NUMA balancing decides about threads: move, swap, stick, and what it leaves out. */
#include "observe.bpf.h"

static __always_inline void emit_decision(u32 pid, u32 tid, u8 decision, s32 from, s32 to,
					  u32 other_tid, u32 reason)
{
	struct nd_numa_decision *event = RESERVE(numa_decision, pid, tid);

	if (!event)
		return;
	event->decision = decision;
	event->from_cpu = from;
	event->to_cpu = to;
	event->other_tid = other_tid;
	event->reason = reason;
	submit(event);
}

/* The move itself is done by the stopper; it finds its cause here. */
static __always_inline void announce(struct task_struct *p, s32 to_cpu)
{
	struct thread_state *state = state_of(p, true);

	if (state)
		state->numa_cpu = to_cpu + 1;
}

static __always_inline void withdraw(struct task_struct *p)
{
	struct thread_state *state = state_of(p, false);

	if (state)
		state->numa_cpu = 0;
}

/* sched_move_numa(p, src_cpu, dst_cpu), before the move: migrate_task_to(). */
SEC("tp_btf/sched_move_numa")
int BPF_PROG(on_move_numa, struct task_struct *p, int src_cpu, int dst_cpu)
{
	if (!is_target(p->tgid))
		return 0;
	announce(p, dst_cpu);
	emit_decision(p->tgid, p->pid, ND_DECISION_move, src_cpu, dst_cpu, 0, 0);
	return 0;
}

/* sched_swap_numa(p, src_cpu, q, dst_cpu), before the swap, which may still fail. q is nullable. */
SEC("tp_btf/sched_swap_numa")
int BPF_PROG(on_swap_numa, struct task_struct *p, int src_cpu, struct task_struct *q, int dst_cpu)
{
	if (!q)
		return 0;
	if (is_target(p->tgid)) {
		announce(p, dst_cpu);
		emit_decision(p->tgid, p->pid, ND_DECISION_swap, src_cpu, dst_cpu, q->pid, 0);
	}
	if (is_target(q->tgid)) {
		announce(q, src_cpu);
		emit_decision(q->tgid, q->pid, ND_DECISION_swap, dst_cpu, src_cpu, p->pid, 0);
	}
	return 0;
}

/* sched_stick_numa(p, src_cpu, q, dst_cpu): no better place, or an announced move or swap failed,
 * which leaves q where it is, too. dst_cpu is -1 and q NULL where nothing was found. */
SEC("tp_btf/sched_stick_numa")
int BPF_PROG(on_stick_numa, struct task_struct *p, int src_cpu, struct task_struct *q, int dst_cpu)
{
	if (q && is_target(q->tgid))
		withdraw(q);
	if (!is_target(p->tgid))
		return 0;
	withdraw(p);
	emit_decision(p->tgid, p->pid, ND_DECISION_stick, src_cpu, dst_cpu, q ? q->pid : 0, 0);
	return 0;
}

/* sched_skip_vma_numa(mm, vma, reason), from 6.6, in the scanning thread. */
SEC("tp_btf/sched_skip_vma_numa")
int BPF_PROG(on_skip_vma, struct mm_struct *mm, struct vm_area_struct *vma, unsigned int reason)
{
	if (!is_target(current_pid()))
		return 0;
	emit_decision(current_pid(), current_tid(), ND_DECISION_skip_vma, -1, -1, 0, reason);
	return 0;
}

/* sched_skip_cpuset_numa(p, memory_nodes), from 6.15: the cpuset leaves balancing no choice. */
SEC("tp_btf/sched_skip_cpuset_numa")
int BPF_PROG(on_skip_cpuset, struct task_struct *p)
{
	if (!is_target(p->tgid))
		return 0;
	emit_decision(p->tgid, p->pid, ND_DECISION_skip_cpuset, -1, -1, 0, 0);
	return 0;
}
