// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page placement and hint faults by tracepoints alone, where the kernel refuses fentry: at a page
 * fault the page table tells what was there (walk.bpf.h), and at the thread's next fault what has
 * come of it. The last fault of a thread is shown by the task iterator, and settled before the
 * thread moves. One program for both: a second one on a tracepoint makes attaching and detaching
 * wait for RCU (kernel/tracepoint.c), in each slice of time.
 */
#include "hint.bpf.h"
#include "fault.bpf.h"

/*
 * A page that is there and yet not readable was made so by NUMA balancing (or by
 * mprotect(PROT_NONE), and then the thread wanted it all the same).
 */
static __always_inline void tell_hint(struct thread_state *state, u64 id, u64 address, u64 before)
{
	struct hint_run fault = {};

	if (!(before & FOUND_HINTED))
		return;
	fault.first_ns = bpf_ktime_get_ns();
	fault.pages = pages_of_entry(before);
	fault.address = address & -(fault.pages * PAGE_BYTES);
	fault.page_node = node_of_pfn(frame_in(before));
	fault.target_node = -1;
	extend_hint_run(state, id, &fault);
}

static __always_inline void keep_fault(struct fault *fault, u64 address, u64 before)
{
	fault->address = 0; /* none, while it is being replaced */
	barrier();
	fault->before = before;
	fault->time_ns = bpf_ktime_get_ns();
	fault->jiffies = bpf_jiffies64();
	fault->slice = fault_slice;
	barrier();
	fault->address = address & -PAGE_BYTES;
}

#define BLOCK_SHIFT 21 /* what one last table holds */

/* What is there now, where the thread faulted before. Where that is near, in the table at hand. */
static __always_inline u64 found_after(const struct fault *last, u64 pgd, u64 leaf, u64 address)
{
	struct page_entry near = {.shift = 12};
	u64 entry = 0;

	if (!leaf || last->address >> BLOCK_SHIFT != address >> BLOCK_SHIFT ||
	    !read_entry(leaf, last->address, 12, &entry))
		return look_up(pgd, last->address);
	read_into(&near, entry);
	return found_of(&near, last->address);
}

static __always_inline int begin_fault(unsigned long address)
{
	u64 id = bpf_get_current_pid_tgid(), pgd, before;
	struct thread_state *state;
	struct page_entry found;
	bool looks;

	if (!is_target(id >> 32) || !page_walk.direct_map)
		return 0;
	looks = is_in_fault_slice();
	state = own_state(looks);
	if (!looks && !(state && is_pending(&state->fault)))
		return 0;
	if (!state) {
		count_lost(ND_EVENT_first_touch);
		return 0;
	}
	pgd = pgd_of((struct task_struct *)bpf_get_current_task());
	if (!pgd)
		return 0;
	found = walk_table(pgd, page_walk.direct_map, page_walk.levels, address);
	before = found_of(&found, address);
	if (settings.faults_tell_touches && is_pending(&state->fault))
		settle_fault(state, id >> 32, id,
			     found_after(&state->fault, pgd, found.leaf, address));
	if (!looks) {
		state->fault.address = 0; /* it was the slice's last */
		return 0;
	}
	if (settings.faults_tell_hints)
		tell_hint(state, id, address, before);
	if (settings.faults_tell_touches)
		keep_fault(&state->fault, address, before);
	return 0;
}

/* page_fault_user(address, regs, error_code): at the start, before anything is mapped. */
SEC("tp_btf/page_fault_user")
int BPF_PROG(on_user_fault, unsigned long address)
{
	return begin_fault(address);
}

/* page_fault_kernel(address, regs, error_code): the kernel touches user memory for a syscall. */
SEC("tp_btf/page_fault_kernel")
int BPF_PROG(on_kernel_fault, unsigned long address)
{
	return begin_fault(address);
}
