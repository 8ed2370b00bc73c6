/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First touches come in runs: page after page, on one node. A thread's run is one open extent in
 * its state, and one event when it ends: when the next touch does not continue it, when it grows
 * old, before the thread moves to another CPU, executes another program or exits. Lossless in
 * pages. What is open is shown to user space by the task iterator, so that a thread that stops
 * touching hides nothing.
 *
 * Only the thread itself, or the scheduler while it does not run, writes its extent; the iterator
 * reads it from elsewhere and relies on `seq` (odd while it is replaced) and on x86's order of
 * stores.
 */
#ifndef NUMADRIFT_TOUCH_BPF_H
#define NUMADRIFT_TOUCH_BPF_H

#include "observe.bpf.h"

#define PAGE_BYTES 4096ul
#define HUGE_PAGES 512 /* HPAGE_PMD_NR on x86 */
/* 4 to 20 ms with HZ from 1000 to 100; jiffies cost a load, a clock 20 ns a fault. */
#define EXTENT_JIFFIES 2

static __always_inline int emit_touch(u32 pid, u32 tid, u32 by_tid, const struct extent *extent)
{
	struct nd_first_touch *event = RESERVE(first_touch, pid, tid);

	if (!event)
		return 0;
	header_of(event)->time_ns = extent->first_ns;
	event->address = extent->address;
	event->pages = extent->pages;
	event->node = extent->node;
	event->memory = extent->memory;
	event->by_tid = by_tid;
	submit(event);
	return 0;
}

/* Ends the open extent, if there is one. */
static __always_inline void end_extent(struct thread_state *state, u32 pid, u32 tid)
{
	struct extent *extent = &state->extent;

	if (!extent->pages)
		return;
	extent->seq++;
	barrier();
	emit_touch(pid, tid, tid, extent);
	extent->pages = 0;
	barrier();
	extent->seq++;
}

static __always_inline bool continues(const struct extent *extent, const struct extent *run)
{
	return extent->pages && run->address == extent->address + extent->pages * PAGE_BYTES &&
	       run->node == extent->node && run->memory == extent->memory &&
	       run->jiffies - extent->jiffies < EXTENT_JIFFIES;
}

/* The pages of `run` are now there, by the thread of this state. first_ns may be 0: now. */
static __always_inline int extend(struct thread_state *state, u32 pid, u32 tid,
				  const struct extent *run)
{
	struct extent *extent = &state->extent;

	if (continues(extent, run)) {
		extent->pages += run->pages;
		return 0;
	}
	end_extent(state, pid, tid);
	extent->seq++;
	barrier();
	extent->address = run->address;
	extent->pages = run->pages;
	extent->node = run->node;
	extent->memory = run->memory;
	extent->jiffies = run->jiffies;
	extent->first_ns = run->first_ns ? run->first_ns : bpf_ktime_get_ns();
	barrier();
	extent->seq++;
	return 0;
}

/* madvise(.., .., MADV_COLLAPSE) or process_madvise (from 6.1): the thread has done what else
 * khugepaged does, and touches nothing. Its registers in user space tell; in a page fault orig_ax
 * is -1. */
static __always_inline bool is_collapsing(void)
{
	enum { madvise = 28, process_madvise = 440, advice_collapse = 25 };
	struct pt_regs *regs;

	if (!settings.has_task_regs)
		return false;
	regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	if (regs->orig_ax == madvise)
		return regs->dx == advice_collapse;
	return regs->orig_ax == process_madvise && regs->r10 == advice_collapse;
}

/* `pages` from `address` of process pid are now on `node`, by current, which need not be a thread
 * of it. */
static __always_inline int touch(u32 pid, u64 address, u32 pages, s32 node, u8 memory)
{
	u64 id = bpf_get_current_pid_tgid();
	bool is_own = id >> 32 == pid && !(pages == HUGE_PAGES && is_collapsing());
	struct thread_state *state = NULL;
	struct extent run = {};

	if (!is_in_fault_slice())
		return 0;
	run.address = address;
	run.pages = pages;
	run.node = node;
	run.memory = memory;
	run.jiffies = bpf_jiffies64();
	if (is_own)
		state = own_state(true);
	if (state)
		return extend(state, pid, id, &run);
	/* Another process or the kernel (process_vm_writev, khugepaged), so no thread of pid; or a
	 * table of threads that is full. */
	run.first_ns = bpf_ktime_get_ns();
	return emit_touch(pid, is_own ? (u32)id : 0, id, &run);
}

#endif
