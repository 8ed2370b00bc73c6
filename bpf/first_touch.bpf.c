// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page placement, the exact path: fentry on the functions that put a page into a page table. They
 * see every way there (faults, populate, remote writes, huge pages, the page cache). Each program
 * is for the kernels that have its function; user space loads the one that fits.
 */
#include "touch.bpf.h"

/*
 * page_add_new_anon_rmap(page, vma, address), up to 6.4: THP is the only huge page here, and its
 * address is that of the huge page.
 */
SEC("fentry/page_add_new_anon_rmap")
int BPF_PROG(on_new_anon_page, void *page, struct vm_area_struct *vma, unsigned long address)
{
	u32 pid = vma_pid(vma);
	u64 flags;

	if (!is_target(pid))
		return 0;
	flags = PAGE_FLAGS(page);
	return touch(pid, address, HAS_HEAD(flags) ? HUGE_PAGES : 1, node_of_flags(flags),
		     ND_MEMORY_anonymous);
}

/* folio_add_new_anon_rmap(folio, vma, address), from 6.5: any order. */
SEC("fentry/folio_add_new_anon_rmap")
int BPF_PROG(on_new_anon_folio, struct folio *folio, struct vm_area_struct *vma,
	     unsigned long address)
{
	u32 pid = vma_pid(vma);
	u64 flags;

	if (!is_target(pid))
		return 0;
	flags = PAGE_FLAGS(folio);
	return touch(pid, address, folio_pages(folio, flags), node_of_flags(flags),
		     ND_MEMORY_anonymous);
}

static __always_inline bool is_write_fault(struct vm_fault *vmf)
{
	struct vm_fault___v5_10 *old = (void *)vmf;

	if (bpf_core_field_exists(old->flags))
		return old->flags & FAULT_FLAG_WRITE;
	return vmf->flags & FAULT_FLAG_WRITE;
}

/* A page of a file or of shared memory becomes mapped; it may be new or long in the cache. */
static __always_inline int map_file_page(struct vm_fault *vmf, void *page, u32 pages,
					 unsigned long address)
{
	struct vm_area_struct *vma = vmf->vma;
	u32 pid = vma_pid(vma);
	u64 flags;

	if (!is_target(pid))
		return 0;
	/* Code is no data: a program maps hundreds of its pages without working on them. */
	if (vma->vm_flags & VM_EXEC)
		return 0;
	/* A write to a private mapping maps its anonymous copy: the hooks above count that. */
	if (is_write_fault(vmf) && !(vma->vm_flags & VM_SHARED))
		return 0;
	flags = PAGE_FLAGS(page);
	return touch(pid, address, pages, node_of_flags(flags),
		     has_flag(flags, bpf_core_enum_value(enum pageflags, PG_swapbacked))
			 ? ND_MEMORY_shared
			 : ND_MEMORY_file);
}

/* alloc_set_pte(vmf, page), up to 5.11; on exit, because it may find the entry taken already. */
SEC("fexit/alloc_set_pte")
int BPF_PROG(on_alloc_set_pte, struct vm_fault *vmf, void *page, int result)
{
	return result ? 0 : map_file_page(vmf, page, 1, vmf->address);
}

/* do_set_pte(vmf, page, address), 5.12 to 6.5. */
SEC("fentry/do_set_pte")
int BPF_PROG(on_set_pte, struct vm_fault *vmf, void *page, unsigned long address)
{
	return map_file_page(vmf, page, 1, address);
}

/* set_pte_range(vmf, folio, page, nr, address), from 6.6: several pages by fault-around. */
SEC("fentry/set_pte_range")
int BPF_PROG(on_set_pte_range, struct vm_fault *vmf, void *folio, void *page, unsigned int nr,
	     unsigned long address)
{
	return map_file_page(vmf, folio, nr, address);
}

/* The size of a hugetlb page is the block size of its (perhaps internal) hugetlbfs. */
static __always_inline int map_hugetlb(void *page, struct vm_area_struct *vma,
				       unsigned long address)
{
	u32 pid = vma_pid(vma);
	u8 bits;

	if (!is_target(pid))
		return 0;
	bits = vma->vm_file->f_inode->i_sb->s_blocksize_bits;
	return touch(pid, address, bits > 12 && bits < 40 ? 1u << (bits - 12) : 512,
		     node_of_flags(PAGE_FLAGS(page)), ND_MEMORY_hugetlb);
}

/* hugepage_add_new_anon_rmap(page, vma, address), up to 6.6. */
SEC("fentry/hugepage_add_new_anon_rmap")
int BPF_PROG(on_new_hugetlb_page, void *page, struct vm_area_struct *vma, unsigned long address)
{
	return map_hugetlb(page, vma, address);
}

/* hugetlb_add_new_anon_rmap(folio, vma, address), from 6.7. */
SEC("fentry/hugetlb_add_new_anon_rmap")
int BPF_PROG(on_new_hugetlb_folio, void *folio, struct vm_area_struct *vma, unsigned long address)
{
	return map_hugetlb(folio, vma, address);
}
