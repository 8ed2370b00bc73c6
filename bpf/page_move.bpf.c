// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page migrations between nodes. migrate_pages() works in three steps in one task: it copies the
 * page's state (both nodes are known), then it puts the new page into every page table that had
 * the old one (whose memory, where), and reports at the end; its reason is announced at the start.
 */
#include "fault.bpf.h"

struct migration {
	u64 to; /* the new page, to see that both steps speak of one */
	s32 from_node;
	u8 reason;
};

/* By tid of whoever migrates: kswapd, a thread in a hint fault, a caller of move_pages(). LRU: an
 * entry that was not cleaned up is of no harm. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct migration);
} migrations SEC(".maps");

#define REASON(mr, name)                                                                           \
	if (bpf_core_enum_value_exists(enum migrate_reason, mr) &&                                 \
	    reason == (int)bpf_core_enum_value(enum migrate_reason, mr))                           \
		return ND_REASON_##name;

static __always_inline u8 reason_of(int reason)
{
	REASON(MR_COMPACTION, compaction)
	REASON(MR_MEMORY_FAILURE, memory_failure)
	REASON(MR_MEMORY_HOTPLUG, memory_hotplug)
	REASON(MR_SYSCALL, syscall)
	REASON(MR_MEMPOLICY_MBIND, mbind)
	REASON(MR_NUMA_MISPLACED, numa_misplaced)
	REASON(MR_CONTIG_RANGE, contig_range)
	REASON(MR_LONGTERM_PIN, longterm_pin)
	REASON(MR_DEMOTION, demotion)
	REASON(MR_DAMON, damon)
	return ND_REASON_unknown;
}

/* mm_migrate_pages_start(mode, reason), from 6.0. */
SEC("tp_btf/mm_migrate_pages_start")
int BPF_PROG(on_migrate_start, int mode, int reason)
{
	struct migration fresh = {};
	u32 tid = current_tid();

	fresh.from_node = -1;
	fresh.reason = reason_of(reason);
	bpf_map_update_elem(&migrations, &tid, &fresh, BPF_ANY);
	return 0;
}

static __always_inline int note_states(void *to, void *from)
{
	u32 tid = current_tid();
	struct migration *migration = bpf_map_lookup_elem(&migrations, &tid);

	if (!migration) {
		struct migration fresh = {};

		bpf_map_update_elem(&migrations, &tid, &fresh, BPF_ANY);
		migration = bpf_map_lookup_elem(&migrations, &tid);
	}
	if (migration) {
		migration->to = (u64)to;
		migration->from_node = node_of_flags(PAGE_FLAGS(from));
	}
	return 0;
}

/* folio_migrate_flags(new, old), from 5.16. */
SEC("fentry/folio_migrate_flags")
int BPF_PROG(on_migrate_flags, void *to, void *from)
{
	return note_states(to, from);
}

/* migrate_page_states(new, old), up to 5.15. */
SEC("fentry/migrate_page_states")
int BPF_PROG(on_migrate_states, void *to, void *from)
{
	return note_states(to, from);
}

static __always_inline int emit_move(u32 pid, unsigned long address, u32 pages, s32 from_node,
				     s32 to_node, u8 reason)
{
	u64 id = bpf_get_current_pid_tgid();
	struct nd_page_move *event;
	struct thread_state *state;

	if (from_node == to_node || to_node < 0)
		return 0; /* compaction inside a node */
	state = own_state(false);
	if (state) { /* the page may be in its extent: touched, then moved */
		settle_pending(state, id >> 32, id, (struct task_struct *)bpf_get_current_task());
		end_extent(state, id >> 32, (u32)id);
	}
	event = RESERVE(page_move, pid, id >> 32 == pid ? (u32)id : 0);
	if (!event)
		return 0;
	event->address = address;
	event->pages = pages;
	event->from_node = from_node;
	event->to_node = to_node;
	event->reason = reason;
	event->by_tid = (u32)id;
	submit(event);
	return 0;
}

static __always_inline int put_back(void *page, u32 pages, u64 flags, struct vm_area_struct *vma,
				    unsigned long address)
{
	u32 pid = vma_pid(vma), tid = current_tid();
	struct migration *migration = bpf_map_lookup_elem(&migrations, &tid);
	bool same = migration && migration->to == (u64)page;

	/* Pages are put back too where they were, after a failed migration or the split of a huge
	 * page: then it is not the page whose copying was seen. */
	if (settings.knows_origin && !same)
		return 0;
	return emit_move(pid, address, pages, same ? migration->from_node : -1,
			 node_of_flags(flags), migration ? migration->reason : 0);
}

/* remove_migration_pte(page, vma, address, old), up to 5.17: for each page table that had it. */
SEC("fentry/remove_migration_pte")
int BPF_PROG(on_put_back_page, void *page, struct vm_area_struct *vma, unsigned long address)
{
	u64 flags;

	if (!is_target(vma_pid(vma)))
		return 0;
	flags = PAGE_FLAGS(page);
	return put_back(page, HAS_HEAD(flags) ? 512 : 1, flags, vma, address);
}

/* remove_migration_pte(folio, vma, address, arg), from 5.18. */
SEC("fentry/remove_migration_pte")
int BPF_PROG(on_put_back_folio, struct folio *folio, struct vm_area_struct *vma,
	     unsigned long address)
{
	u64 flags;

	if (!is_target(vma_pid(vma)))
		return 0;
	flags = PAGE_FLAGS(folio);
	return put_back(folio, folio_pages(folio, flags), flags, vma, address);
}

/*
 * The tracepoint path: remove_migration_pte(address, pte, order), from 6.0. It has no mm: only
 * what the target migrates itself (hint faults, its own syscalls) is seen. The pte is a present
 * one; bits 12 to 51 are the page frame.
 */
SEC("tp_btf/remove_migration_pte")
int BPF_PROG(on_put_back_pte, unsigned long address, unsigned long pte, int order)
{
	u32 tid = current_tid();
	struct migration *migration;

	if (!is_target(current_pid()))
		return 0;
	migration = bpf_map_lookup_elem(&migrations, &tid);
	return emit_move(current_pid(), address, 1u << (order & 31), -1,
			 node_of_pfn(pte >> 12 & 0xffffffffff), migration ? migration->reason : 0);
}

/*
 * ksm_merge_with_ksm_page(ksm_page, pfn, rmap_item, mm, err), from 6.3: the page at the item's
 * address has been replaced by an equal one, whose frame `pfn` is; without a ksm_page it became
 * that itself. Where it was before is not told.
 */
SEC("tp_btf/ksm_merge_with_ksm_page")
int BPF_PROG(on_ksm_merge, void *ksm_page, unsigned long pfn, void *item, void *mm, int err)
{
	u64 address;
	u32 pid;

	if (err || !ksm_page || !mm)
		return 0;
	pid = BPF_CORE_READ((struct mm_struct *)mm, owner, tgid);
	if (!is_target(pid))
		return 0;
	address = BPF_CORE_READ((struct ksm_rmap_item *)item, address);
	return emit_move(pid, address & -PAGE_BYTES, 1, -1, node_of_pfn(pfn), ND_REASON_ksm);
}
