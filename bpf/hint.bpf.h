/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hint faults come in runs as first touches do (touch.bpf.h): page after page that was made
 * unreadable together. A thread's run is kept in its state and is one event when it ends. The same
 * rules hold: lossless in pages, ended when it grows old, shown to user space by the task iterator.
 */
#ifndef NUMADRIFT_HINT_BPF_H
#define NUMADRIFT_HINT_BPF_H

#include "touch.bpf.h"

static __always_inline int emit_hint(u32 pid, u32 tid, const struct hint_run *run)
{
	struct nd_hint_fault *event = RESERVE(hint_fault, pid, tid);

	if (!event)
		return 0;
	header_of(event)->time_ns = run->first_ns;
	event->address = run->address;
	event->pages = run->pages;
	event->page_node = run->page_node;
	event->target_node = run->target_node;
	event->flags = run->flags;
	submit(event);
	return 0;
}

static __always_inline void end_hint_run(struct thread_state *state, u32 pid, u32 tid)
{
	struct hint_run *run = &state->hint_run;

	if (!run->pages)
		return;
	run->seq++;
	barrier();
	emit_hint(pid, tid, run);
	run->pages = 0;
	barrier();
	run->seq++;
}

/* All that is open of a thread. */
static __always_inline void end_runs(struct thread_state *state, u32 pid, u32 tid)
{
	end_extent(state, pid, tid);
	end_hint_run(state, pid, tid);
}

static __always_inline int extend_hint_run(struct thread_state *state, u64 id,
					   const struct hint_run *fault)
{
	struct hint_run *run = &state->hint_run;
	u64 now = bpf_jiffies64();

	if (run->pages && fault->address == run->address + run->pages * PAGE_BYTES &&
	    fault->page_node == run->page_node && fault->target_node == run->target_node &&
	    fault->flags == run->flags && now - run->jiffies < EXTENT_JIFFIES) {
		run->pages += fault->pages;
		return 0;
	}
	end_hint_run(state, id >> 32, id);
	run->seq++;
	barrier();
	run->address = fault->address;
	run->first_ns = fault->first_ns;
	run->jiffies = now;
	run->pages = fault->pages;
	run->page_node = fault->page_node;
	run->target_node = fault->target_node;
	run->flags = fault->flags;
	barrier();
	run->seq++;
	return 0;
}

#endif
