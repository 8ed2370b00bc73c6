// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page placement by tracepoints alone, where the kernel refuses fentry: at a page fault the page
 * table tells what was there (walk.bpf.h), and at the thread's next fault what has come of it. The
 * last fault of a thread is shown by the task iterator, and settled before the thread moves.
 */
#include "hint.bpf.h"
#include "fault.bpf.h"

static __always_inline int begin_fault(unsigned long address)
{
	u64 id = bpf_get_current_pid_tgid(), pgd;
	struct thread_state *state;
	struct fault *fault;

	if (!is_target(id >> 32) || !page_walk.direct_map)
		return 0;
	state = own_state(true);
	if (!state) {
		count_lost(ND_EVENT_first_touch);
		return 0;
	}
	pgd = pgd_of((struct task_struct *)bpf_get_current_task());
	settle_fault(state, id >> 32, id, pgd);
	fault = &state->fault;
	fault->address = 0; /* none, while it is being replaced */
	barrier();
	fault->before = look_up(pgd, address);
	fault->time_ns = bpf_ktime_get_ns();
	fault->jiffies = bpf_jiffies64();
	fault->slice = fault_slice;
	barrier();
	fault->address = address & -PAGE_BYTES;
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

/*
 * A page that is there and yet not readable was made so by NUMA balancing (or by
 * mprotect(PROT_NONE), and then the thread wanted it all the same). The program above has just
 * noted what is there.
 */
static __always_inline int tell_hint(unsigned long address)
{
	u64 id = bpf_get_current_pid_tgid();
	struct thread_state *state;
	struct hint_run fault = {};
	u64 before;

	if (!is_target(id >> 32))
		return 0;
	state = own_state(false);
	if (!state || state->fault.address != (address & -PAGE_BYTES) ||
	    state->fault.slice != fault_slice || !(state->fault.before & FOUND_HINTED))
		return 0;
	before = state->fault.before;
	fault.first_ns = state->fault.time_ns;
	fault.pages = pages_of_entry(before);
	fault.address = address & -(fault.pages * PAGE_BYTES);
	fault.page_node = node_of_pfn(frame_in(before));
	fault.target_node = -1;
	return extend_hint_run(state, id, &fault);
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(on_user_hint, unsigned long address)
{
	return tell_hint(address);
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(on_kernel_hint, unsigned long address)
{
	return tell_hint(address);
}
