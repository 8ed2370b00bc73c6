// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page placement by tracepoints alone, where the kernel refuses fentry: a page fault says where,
 * the next movable allocation of the same thread says on which node. What has no page fault
 * (populate, remote writes) or no allocation (pages in the page cache, hugetlb's pool) is not
 * seen here; user space says so in the report.
 */
#include "touch.bpf.h"

static __always_inline int begin_fault(unsigned long address, unsigned long ip, bool in_kernel)
{
	u64 id = bpf_get_current_pid_tgid();
	struct thread_state *state;

	if (!is_target(id >> 32))
		return 0;
	state = own_state(true);
	if (!state) {
		count_lost(ND_EVENT_first_touch);
		return 0;
	}
	state->fault.address = address;
	state->fault.ip = ip;
	state->fault.slice = fault_slice;
	state->fault.in_kernel = in_kernel;
	return 0;
}

/* page_fault_user(address, regs, error_code): at the start, before anything is allocated. */
SEC("tp_btf/page_fault_user")
int BPF_PROG(on_user_fault, unsigned long address, struct pt_regs *regs)
{
	return begin_fault(address, regs->ip, false);
}

/* page_fault_kernel(address, regs, error_code): the kernel touches user memory for a syscall. */
SEC("tp_btf/page_fault_kernel")
int BPF_PROG(on_kernel_fault, unsigned long address, struct pt_regs *regs)
{
	return begin_fault(address, regs->ip, true);
}

/*
 * Is the thread still in the fault it began? A fault need not allocate (hint faults, page cache),
 * and no tracepoint ends it. The registers at the top of the kernel stack tell: a syscall has its
 * number in orig_ax, an exception -1; and another exception has another ip.
 */
static __always_inline bool in_fault(struct thread_state *state)
{
	struct pt_regs *regs;

	if (!settings.has_task_regs)
		return true;
	regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	if (state->fault.in_kernel)
		return (s64)regs->orig_ax >= 0;
	return (s64)regs->orig_ax < 0 && regs->ip == state->fault.ip;
}

/* mm_page_alloc(page, order, gfp, migratetype): page may be NULL. Its node is the real one. Page
 * tables and slabs are not movable. */
SEC("tp_btf/mm_page_alloc")
int BPF_PROG(on_page_alloc, struct page *page, unsigned int order, unsigned int gfp)
{
	u64 id = bpf_get_current_pid_tgid();
	struct thread_state *state;
	u64 address;

	if (!is_target(id >> 32) || !page || !(gfp & ___GFP_MOVABLE))
		return 0;
	state = own_state(false);
	if (!state || !state->fault.address)
		return 0;
	address = state->fault.address;
	state->fault.address = 0;
	if (state->fault.slice != fault_slice || !in_fault(state))
		return 0;
	order &= 31;
	return extend(state, id, address & ~((PAGE_BYTES << order) - 1), 1u << order,
		      node_of_flags(PAGE_FLAGS(page)), ND_MEMORY_unknown);
}
