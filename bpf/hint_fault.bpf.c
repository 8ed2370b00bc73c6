// SPDX-License-Identifier: GPL-2.0-only
/*
 * NUMA hint faults: the thread used a page the kernel had made unreadable to learn just that.
 * mpol_misplaced() knows the page, its node and where it should be; task_numa_fault(), which the
 * same thread calls next, knows how many pages. One event of both, or of a run of them, dated by
 * the first.
 */
#include "hint.bpf.h"

static __always_inline int note_hint(void *page, unsigned long address, int target_node)
{
	struct thread_state *state;

	if (!is_target(current_pid()) || !is_in_fault_slice())
		return 0;
	state = own_state(true);
	if (!state) {
		count_lost(ND_EVENT_hint_fault);
		return 0;
	}
	state->hint_time_ns = bpf_ktime_get_ns();
	state->hint_address = address;
	state->hint_slice = fault_slice;
	state->hint_page_node = node_of_flags(PAGE_FLAGS(page));
	state->hint_target_node = target_node;
	return 0;
}

/* mpol_misplaced(page|folio, vma|vm_fault, address), once per hint fault, before any migration. */
SEC("fexit/mpol_misplaced")
int BPF_PROG(on_mpol_misplaced, void *page, void *vma, unsigned long address, int target_node)
{
	return note_hint(page, address, target_node);
}

/* task_numa_fault(last_cpupid, mem_node, pages, flags), mem_node is where the page is by now. A
 * fault inside a large folio counts for the whole of it (from 6.10). */
SEC("fentry/task_numa_fault")
int BPF_PROG(on_numa_fault, int last_cpupid, int mem_node, int pages, int flags)
{
	u64 id = bpf_get_current_pid_tgid();
	struct thread_state *state;
	struct hint_run fault = {};

	if (!is_target(id >> 32) || !is_in_fault_slice())
		return 0;
	fault.pages = pages;
	fault.flags = flags;
	state = own_state(false);
	if (state && state->hint_time_ns && state->hint_slice == fault_slice) {
		bool is_whole_folio = pages > 1 && !(pages & (pages - 1));

		fault.first_ns = state->hint_time_ns;
		fault.address = is_whole_folio ? state->hint_address & -(pages * PAGE_BYTES)
					       : state->hint_address & -PAGE_BYTES;
		fault.page_node = state->hint_page_node;
		fault.target_node = state->hint_target_node;
		state->hint_time_ns = 0;
		return extend_hint_run(state, id, &fault);
	}
	fault.first_ns = bpf_ktime_get_ns();
	fault.page_node = -1;
	fault.target_node = mem_node;
	return emit_hint(id >> 32, id, &fault);
}
