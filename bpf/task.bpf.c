// SPDX-License-Identifier: GPL-2.0-only
/* Thread life: birth, exec, rename, end; and a look at every thread of the targets. */
#include "fault.bpf.h"
#include "hint.bpf.h"

/*
 * sched_process_fork(parent, child), in the parent, before the child can run. A child process of
 * a target is a target from its first instruction, where children are followed. Threads need
 * nothing: they share the tgid.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (settings.follows_children && is_target(parent->tgid))
		targets[child->tgid & (ND_MAX_PIDS - 1)] = 1;
	return 0;
}

/*
 * sched_wakeup_new(p), in the creator. The first place where the child's CPU is the real one;
 * sched_process_fork still shows the parent's.
 */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *p)
{
	struct nd_task_new *event;

	if (!is_target(p->tgid))
		return 0;
	event = RESERVE(task_new, p->tgid, p->pid);
	if (!event)
		return 0;
	event->cpu = task_cpu(p);
	event->parent_tid = current_tid();
	copy_comm(&event->comm, p);
	submit(event);
	return 0;
}

/* sched_process_exec(p, old_pid, bprm), in p; p->pid is already the process id, comm the new one.
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *p, pid_t old_pid)
{
	struct nd_task_exec *event;
	struct thread_state *state;

	if (!is_target(p->tgid))
		return 0;
	/* A hash has the state under the id the thread had until now. */
	state = settings.has_task_storage ? state_of(p, false) : hashed_state(old_pid, false);
	if (state) {
		state->fault.address = 0; /* of the page table it had */
		end_runs(state, p->tgid, p->pid);
	}
	event = RESERVE(task_exec, p->tgid, p->pid);
	if (!event)
		return 0;
	event->old_tid = old_pid;
	copy_comm(&event->comm, p);
	submit(event);
	return 0;
}

/* task_rename(p, comm), before p->comm changes; current may be another thread of the process. */
SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *p, const char *comm)
{
	struct nd_task_rename *event;

	if (!is_target(p->tgid))
		return 0;
	event = RESERVE(task_rename, p->tgid, p->pid);
	if (!event)
		return 0;
	if (bpf_probe_read_kernel_str(event->comm.text, sizeof(event->comm.text), comm) < 0)
		event->comm.text[0] = 0;
	submit(event);
	return 0;
}

/* sched_process_exit(p), in p: it still runs, so its run time lacks what came since the tick. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *p)
{
	struct nd_task_exit *event;
	struct thread_state *state;

	if (!is_target(p->tgid))
		return 0;
	state = state_of(p, false);
	if (state)
		end_runs(state, p->tgid, p->pid);
	event = RESERVE(task_exit, p->tgid, p->pid);
	if (!event)
		return 0;
	event->cpu = task_cpu(p);
	event->runtime_ns = p->se.sum_exec_runtime;
	submit(event);
	return 0;
}

/*
 * sched_process_free(p), from RCU, current is anybody. Run time is final. A leader may come before
 * threads that ended first (RCU callbacks of two CPUs have no order): user space takes the process
 * off the targets, some time later.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free, struct task_struct *p)
{
	struct nd_task_gone *event;
	struct thread_state *state;
	u32 tid = p->pid;

	if (!is_target(p->tgid))
		return 0;
	state = state_of(p, false);
	if (state)
		end_runs(state, p->tgid, tid);
	event = RESERVE(task_gone, p->tgid, tid);
	if (event) {
		event->runtime_ns = p->se.sum_exec_runtime;
		submit(event);
	}
	if (!settings.has_task_storage)
		bpf_map_delete_elem(&thread_states, &tid);
	return 0;
}

/* The thread's open run of hint faults as it is now; nothing while it is being replaced. */
static __always_inline void copy_hint_run(struct nd_task_row *row, struct thread_state *state)
{
	volatile struct hint_run *run = &state->hint_run;
	u32 seq = run->seq;

	barrier();
	row->hint_ns = run->first_ns;
	row->hint_address = run->address;
	row->hint_page_node = run->page_node;
	row->hint_target_node = run->target_node;
	row->hint_flags = run->flags;
	row->hint_pages = run->pages;
	barrier();
	if (seq & 1 || seq != run->seq)
		row->hint_pages = 0;
}

/* The thread's open extent as it is now, `pages` 0 where none is open; false while it is being
 * replaced. */
static __always_inline bool copy_extent(struct extent *copy, struct thread_state *state)
{
	volatile struct extent *extent = &state->extent;
	u32 seq = extent->seq;

	barrier();
	copy->first_ns = extent->first_ns;
	copy->address = extent->address;
	copy->jiffies = extent->jiffies;
	copy->node = extent->node;
	copy->memory = extent->memory;
	copy->pages = extent->pages;
	barrier();
	return !(seq & 1) && seq == extent->seq;
}

/* What has come of the thread's last fault, by the extent as it was copied before: the thread
 * itself will join the two, or not, by the same rule. */
static __always_inline void copy_fault(struct nd_task_row *row, struct extent *copy,
				       struct thread_state *state, struct task_struct *p)
{
	volatile struct fault *last = &state->fault;
	struct fault fault = {.address = last->address};
	struct extent run;

	barrier();
	fault.before = last->before;
	fault.time_ns = last->time_ns;
	fault.jiffies = last->jiffies;
	fault.slice = last->slice;
	barrier();
	if (!is_pending(&fault) || last->address != fault.address || last->time_ns != fault.time_ns)
		return;
	run = brought_by(&fault, look_up(pgd_of(p), fault.address));
	if (!run.pages)
		return;
	if (continues(copy, &run)) {
		copy->pages += run.pages;
		return;
	}
	row->fault_ns = run.first_ns;
	row->fault_address = run.address;
	row->fault_pages = run.pages;
	row->fault_node = run.node;
}

static __always_inline void copy_touches(struct nd_task_row *row, struct thread_state *state,
					 struct task_struct *p)
{
	struct extent copy = {};

	if (!copy_extent(&copy, state))
		return;
	copy_fault(row, &copy, state, p);
	row->touch_ns = copy.first_ns;
	row->touch_address = copy.address;
	row->touch_node = copy.node;
	row->touch_memory = copy.memory;
	row->touch_pages = copy.pages;
}

/* Its thread may set another one meanwhile: what is followed is what was held against NULL. */
static __always_inline void copy_policy(struct nd_task_row *row, struct mempolicy *policy)
{
	if (!policy)
		return;
	row->policy = policy->mode;
	row->policy_nodes = policy_nodes(policy);
}

/* All threads of the targets, read by user space a few times a second: nd_task_row each. */
SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	struct thread_state *state;
	struct nd_task_row row = {};

	if (!p || !is_target(p->tgid))
		return 0;
	row.time_ns = bpf_ktime_get_ns();
	row.runtime_ns = p->se.sum_exec_runtime;
	row.pid = p->tgid;
	row.tid = p->pid;
	row.cpu = task_cpu(p);
	row.ended = p->exit_state != 0;
	copy_comm(&row.comm, p);
	if (bpf_core_field_exists(p->mempolicy)) /* CONFIG_NUMA */
		copy_policy(&row, p->mempolicy);
	state = state_of(p, false);
	if (state) {
		copy_touches(&row, state, p);
		copy_hint_run(&row, state);
	}
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}
