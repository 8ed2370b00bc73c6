// SPDX-License-Identifier: GPL-2.0-only
/*
 * Questions of user space about pages: where the direct map is, and on which nodes pages of a
 * process are. Asked by reading an iterator over tasks, which has the task itself at hand on every
 * kernel; the question and the answers lie in memory shared with user space.
 */
#include "fault.bpf.h"

/* Apart from .bss, which is full: 5.10 takes no array above 4 MiB. */
struct nd_page_walk page_walk SEC(".data.walk") = {};
struct nd_walk_query walk_query SEC(".data.walk") = {};

/* The base of the direct map is the one for which the walk of the table's own address gives its own
 * distance from it. Bases are 1 GiB apart (PUD_SIZE: arch/x86/mm/kaslr.c). What lies where a wrong
 * base leads may look like page tables (of a guest, say), so that user space tries what is found. A
 * function of its own: verified once. */
__noinline int try_base(u32 candidate)
{
	u64 pgd = walk_query.pgd;
	u32 levels = 4 + (candidate & 1);
	u64 base = (pgd & ~((1ull << 30) - 1)) - ((u64)(candidate >> 1) << 30);
	struct page_entry found = walk_table(pgd, base, levels, pgd);

	if (found.failed || !found.pte || frame_of(&found, pgd) != (pgd - base) >> 12)
		return 0;
	page_walk.levels = levels;
	page_walk.direct_map = base;
	return 1;
}

/* A function of its own: verified once. */
__noinline u64 look_up(u64 pgd, u64 address)
{
	struct page_entry found = walk_table(pgd, page_walk.direct_map, page_walk.levels, address);

	return found_of(&found, address);
}

/*
 * A kernel stack tells where struct page is: its area has both its address and its pages. The map
 * begins at a multiple of 1 GiB (PUD_SIZE: arch/x86/mm/kaslr.c), so anything else is none.
 */
static __always_inline void find_page_map(struct task_struct *task)
{
	struct vm_struct *area = NULL;
	struct page **pages = NULL;
	struct page_entry found;
	u64 page = 0, stack = 0, map;

	if (!bpf_core_field_exists(task->stack_vm_area) ||
	    bpf_core_read(&area, sizeof(area), &task->stack_vm_area) || !area ||
	    bpf_core_read(&stack, sizeof(stack), &area->addr) ||
	    bpf_core_read(&pages, sizeof(pages), &area->pages) || !pages ||
	    bpf_probe_read_kernel(&page, sizeof(page), pages))
		return;
	found = walk_table(walk_query.pgd, page_walk.direct_map, page_walk.levels, stack);
	if (!found.pte)
		return;
	map = page - frame_of(&found, stack) * bpf_core_type_size(struct page);
	if (!(map & ((1ull << 30) - 1)))
		page_walk.page_map = map;
}

/* GUP_PIN_COUNTING_BIAS: what a pin adds to the references of a small page. */
#define PIN_BIAS 1024

/*
 * folio_maybe_dma_pinned(): a small page has its pins among its references, of which each process
 * that maps it has one; a huge one counts them apart. Of a large folio that is mapped by small
 * entries nothing is known.
 */
static __always_inline bool is_pinned(u64 frame, u32 shift)
{
	u64 page_bytes = bpf_core_type_size(struct page), flags = 0;
	int references = 0, maps = 0, pins = 0;
	struct page *page;

	if (!page_walk.page_map || !frame)
		return false;
	if (shift == 21) {
		struct folio *folio = (void *)(page_walk.page_map + (frame & ~511ull) * page_bytes);

		return bpf_core_field_exists(folio->_pincount) &&
		       !bpf_core_read(&pins, sizeof(pins), &folio->_pincount.counter) && pins > 0;
	}
	page = (void *)(page_walk.page_map + frame * page_bytes);
	if (!bpf_core_field_exists(page->_refcount) || !bpf_core_field_exists(page->_mapcount))
		return false;
	return !bpf_probe_read_kernel(&flags, sizeof(flags), page) && !HAS_HEAD(flags) &&
	       !bpf_core_read(&references, sizeof(references), &page->_refcount.counter) &&
	       !bpf_core_read(&maps, sizeof(maps), &page->_mapcount.counter) &&
	       references - (maps + 1) >= PIN_BIAS;
}

__noinline int answer_page(u32 index)
{
	u32 i = index % ND_WALK_PAGES;
	struct page_entry found;

	walk_query.node[i] = walk_node(walk_query.pgd, walk_query.address[i], &found);
	walk_query.shift[i] = found.shift;
	walk_query.frame[i] = found.pte ? frame_of(&found, walk_query.address[i]) : 0;
	walk_query.pinned[i] = found.pte && is_pinned(walk_query.frame[i], found.shift);
	if (found.failed)
		walk_query.node[i] = ND_WALK_FAILED;
	return 0;
}

/* What the walk finds empty it finds empty as a whole: a table is missing for 2 MiB, 1 GiB, 512
 * GiB. */
__noinline int next_block(u32 unused)
{
	u64 at = walk_query.cursor;
	u32 n = walk_query.pages & (ND_WALK_PAGES - 1);
	struct page_entry found;
	u32 shift;

	if (at >= walk_query.end)
		return 0;
	found = walk_table(walk_query.pgd, page_walk.direct_map, page_walk.levels, at);
	shift = found.shift & 63;
	if (shift < ND_WALK_BLOCK_SHIFT)
		shift = ND_WALK_BLOCK_SHIFT;
	if (found.failed || found.pte || found.shift < ND_WALK_BLOCK_SHIFT) {
		walk_query.address[n] = at;
		walk_query.shift[n] = shift;
		walk_query.pages = n + 1;
	}
	walk_query.cursor = (at | ((1ull << shift) - 1)) + 1;
	return 0;
}

SEC("iter/task")
int each_walk(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task || (u32)task->tgid != walk_query.pid || walk_query.answered)
		return 0;
	walk_query.pgd = pgd_of(task);
	if (!walk_query.pgd)
		return 0;
	walk_query.answered = 1;
	if (walk_query.question == ND_WALK_base) {
		for (u32 i = 0; i < ND_WALK_BASES; i++)
			if (try_base(walk_query.first_base + i)) {
				walk_query.first_base += i + 1;
				find_page_map(task);
				break;
			}
		return 0;
	}
	if (walk_query.question == ND_WALK_populated) {
		for (u32 i = 0; i < ND_WALK_PAGES - 1; i++)
			next_block(i);
	} else {
		for (u32 i = 0; i < ND_WALK_PAGES; i++) {
			if (i >= walk_query.pages)
				break;
			answer_page(i);
		}
	}
	/* It ended, or runs another program: the tables may have been freed meanwhile. */
	if (pgd_of(task) != walk_query.pgd)
		walk_query.answered = 0;
	return 0;
}
