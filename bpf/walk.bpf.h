/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * On which node a page is, from the page table itself, as get_user_pages_fast() looks: no lock of
 * the process is taken, nothing waits, and it works in an interrupt (x86-64). Where in the kernel's
 * address space physical memory lies (the direct map) is found by user/source/live/page_walk.h at
 * attach; until then, and where it cannot be found, `page_walk.direct_map` is 0.
 */
#ifndef NUMADRIFT_WALK_BPF_H
#define NUMADRIFT_WALK_BPF_H

#include "observe.bpf.h"

/* arch/x86/include/asm/pgtable_types.h */
#define PTE_PRESENT 0x001ull
#define PTE_HUGE 0x080ull /* _PAGE_PSE: of an upper level, this is the page itself */
#define PTE_PROTNONE                                                                               \
	0x100ull /* without PTE_PRESENT: a page that is there, for a hint fault to come */
#define PTE_NO_EXEC (1ull << 63)
#define PTE_USED 0x060ull /* accessed, dirty: set by processors, at any time */

extern struct nd_page_walk page_walk;

struct page_entry {
	u64 pte;     /* 0: nothing is there; its frame is not inverted any more */
	u64 raw;     /* the entry as it stands, also of a page that is not there */
	u64 leaf;    /* the table it is in, of the last ones; 0: of an upper one */
	u32 shift;   /* log2 of the bytes it stands for, also where nothing is there */
	bool failed; /* a table could not be read */
};

/* pgtable-invert.h: an entry that is not present has its page frame inverted (L1TF). */
static __always_inline u64 upright(u64 entry)
{
	return entry & PTE_PRESENT ? entry : entry ^ page_walk.frame_mask;
}

/* Whether it is an address of the kernel at all where tables have so many levels. A wrong base may
 * lead to one that is none: up to 6.1 bpf_probe_read_kernel() lets it pass with 57 bits where the
 * processor could have five levels (copy_from_kernel_nofault_allowed(), arch/x86/mm/maccess.c), and
 * the kernel warns of the fault. */
static __always_inline bool is_of_kernel(u64 address, u32 bits)
{
	return (s64)address >> (bits - 1) == -1;
}

static __always_inline bool read_entry(u64 table, u64 address, u32 shift, u64 *entry)
{
	return bpf_probe_read_kernel(entry, sizeof(*entry),
				     (void *)(table + (address >> shift & 511) * 8)) == 0;
}

/* What an entry says, raw as it stands. */
static __always_inline void read_into(struct page_entry *result, u64 entry)
{
	result->raw = entry;
	result->pte = entry & (PTE_PRESENT | PTE_PROTNONE) ? upright(entry) : 0;
}

/*
 * The walk. As gup_fast does, the entry above is looked at again when that of the page has been
 * read: if it is another now, the table may have been freed meanwhile.
 */
static __always_inline struct page_entry walk_table(u64 pgd, u64 direct_map, u32 levels,
						    u64 address)
{
	struct page_entry result = {.shift = levels == 5 ? 48 : 39, .failed = true};
	u64 table = pgd, above = 0, above_again = 0, above_table = 0;
	u32 bits = is_of_kernel(pgd, 48) ? 48 : 57; /* the direct map of five levels lies lower */

	for (int level = 0; level < 5; level++) {
		u64 entry = 0;

		if (!is_of_kernel(table, bits) || !read_entry(table, address, result.shift, &entry))
			return result;
		if (entry && result.shift != 12 && !(entry & PTE_HUGE) && entry & PTE_PRESENT) {
			above = entry;
			above_table = table;
			table = direct_map + (entry & page_walk.frame_mask);
			result.shift -= 9;
			continue;
		}
		if (above_table &&
		    (!read_entry(above_table, address, result.shift + 9, &above_again) ||
		     (above_again ^ above) & ~PTE_USED))
			return result;
		if (result.shift == 12)
			result.leaf = table;
		result.failed = false;
		read_into(&result, entry);
		return result;
	}
	return result;
}

static __always_inline s32 node_of_pfn(u64 pfn)
{
	for (u32 i = 0; i < ND_MAX_PFN_RANGES && i < settings.pfn_ranges; i++) {
		const volatile struct nd_pfn_range *range = &settings.pfn_range[i];

		if (pfn >= range->first && pfn <= range->last)
			return range->node;
	}
	return -1;
}

static __always_inline u64 frame_of(struct page_entry *found, u64 address)
{
	u64 inside = (1ull << (found->shift & 63)) - 1;

	return ((found->pte & page_walk.frame_mask & ~inside) | (address & inside)) >> 12;
}

/* Everybody reads it, and it is nobody's. */
static __always_inline bool is_zero_page(u64 frame, u32 shift)
{
	return frame == page_walk.zero_frame ||
	       (shift == 21 && frame >> 9 == page_walk.huge_zero_frame >> 9);
}

/* The node of the page at an address of the process with this page table; -1 where there is none:
 * no page, or the zero page, which is nobody's. */
static __always_inline s32 walk_node(u64 pgd, u64 address, struct page_entry *found)
{
	u64 frame;

	*found = walk_table(pgd, page_walk.direct_map, page_walk.levels, address);
	if (!found->pte)
		return -1;
	frame = frame_of(found, address);
	return is_zero_page(frame, found->shift) ? -1 : node_of_pfn(frame);
}

/* mm->pgd of a task; 0 for a kernel thread, or one that has ended. Read by the helper, because the
 * verifier lets nobody calculate with the typed pointer. */
static __always_inline u64 pgd_of(struct task_struct *task)
{
	struct mm_struct *mm = NULL;
	u64 pgd = 0;

	if (bpf_core_read(&mm, sizeof(mm), &task->mm) || !mm)
		return 0;
	if (bpf_core_read(&pgd, sizeof(pgd), &mm->pgd))
		return 0;
	return pgd;
}

#endif
