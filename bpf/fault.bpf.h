/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a page fault has brought, by the page table before and after it: no tracepoint tells when a
 * fault ends. The page table before is kept in the thread's state until the thread's next fault, or
 * until somebody else asks.
 */
#ifndef NUMADRIFT_FAULT_BPF_H
#define NUMADRIFT_FAULT_BPF_H

#include "touch.bpf.h"
#include "walk.bpf.h"

/* What look_up() finds, in one number: the page frame where an entry has it, log2 of the entry's
 * bytes in the lowest bits, and: */
#define FOUND_SHIFT 63ull
#define FOUND_THERE (1ull << 6)	 /* a page, with its frame */
#define FOUND_HINTED (1ull << 7) /* and it is there, yet not readable */
#define FOUND_MOVING (1ull << 8) /* one that is being moved, or a device's; or nobody can say */
#define FOUND_CODE (1ull << 9)	 /* it may be executed */

/* Where no page is, the upper five bits of an entry are the type of swap; those from
 * MAX_SWAPFILES on (22 to 29: include/linux/swap.h) are migrations, devices and markers. */
#define SWAP_TYPE_SHIFT 59
#define FIRST_SPECIAL_TYPE 20

/* 0: nothing is there. */
static __always_inline u64 found_of(struct page_entry *found, u64 address)
{
	if (found->failed)
		return FOUND_MOVING;
	if (!found->raw)
		return 0;
	if (!found->pte)
		return found->raw >> SWAP_TYPE_SHIFT >= FIRST_SPECIAL_TYPE ? FOUND_MOVING : 0;
	return frame_of(found, address) << 12 | found->shift | FOUND_THERE |
	       (found->pte & PTE_PRESENT ? 0 : FOUND_HINTED) |
	       (found->pte & PTE_NO_EXEC ? 0 : FOUND_CODE);
}

/* The same by a walk: walk.bpf.c. */
u64 look_up(u64 pgd, u64 address);

static __always_inline u64 frame_in(u64 found)
{
	return (found & page_walk.frame_mask) >> 12;
}

static __always_inline u32 pages_of_entry(u64 found)
{
	return 1u << (((found & FOUND_SHIFT) - 12) & 31);
}

static __always_inline bool is_pending(const struct fault *fault)
{
	return fault->address && fault->slice == fault_slice;
}

/* The run of one fault, by what is there now; `pages` is 0 while nothing has come of it. */
static __always_inline struct extent brought_by(const struct fault *fault, u64 after)
{
	struct extent run = {};
	u64 before = fault->before;

	/* A page that was there is replaced when it is written to and was shared, or the zero page.
	 * One that was hinted may have been moved; one that was moving is back. */
	if (!(after & FOUND_THERE) || after & FOUND_HINTED || after & FOUND_CODE ||
	    before & (FOUND_HINTED | FOUND_MOVING) ||
	    (before & FOUND_THERE && frame_in(before) == frame_in(after)) ||
	    is_zero_page(frame_in(after), after & FOUND_SHIFT))
		return run;
	run.pages = pages_of_entry(after);
	run.address = fault->address & -(run.pages * PAGE_BYTES);
	run.node = node_of_pfn(frame_in(after));
	run.memory = ND_MEMORY_unknown;
	run.first_ns = fault->time_ns;
	run.jiffies = fault->jiffies;
	return run;
}

/* The thread of this state faults again, or does not run; `after` is what is there now. */
static __always_inline void settle_fault(struct thread_state *state, u32 pid, u32 tid, u64 after)
{
	struct extent run = brought_by(&state->fault, after);

	if (!run.pages)
		return;
	state->fault.address = 0; /* before it is in the extent: the iterator shows it once */
	barrier();
	extend(state, pid, tid, &run);
}

/* The same, of a thread that may not fault for long, or before its extent ends. */
static __always_inline void settle_pending(struct thread_state *state, u32 pid, u32 tid,
					   struct task_struct *p)
{
	if (is_pending(&state->fault))
		settle_fault(state, pid, tid, look_up(pgd_of(p), state->fault.address));
}

#endif
