/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types and fields our programs read, relocated by CO-RE against the running
 * kernel's BTF. Instead of a vmlinux.h: small, reviewable, and a field that is not here is not
 * read. Flavours (name___tag) stand where kernels differ; each says since when.
 */
#ifndef NUMADRIFT_KERNEL_TYPES_H
#define NUMADRIFT_KERNEL_TYPES_H

#include <linux/bpf.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef int pid_t;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* NR_CPUS/64 words in fact; which exist is known from ND_SETTINGS.cpu_words. */
#define ND_CPUMASK_WORDS 64
struct cpumask {
	unsigned long bits[ND_CPUMASK_WORDS];
};

struct sched_entity {
	u64 sum_exec_runtime;
};

struct thread_info {
	u32 cpu;
};

/* A union's word from 5.14 (b27abaccf8e8): `nodes`; a member of `v` before. */
typedef struct {
	unsigned long bits[1];
} nodemask_t;

struct mempolicy {
	unsigned short mode;
	nodemask_t nodes;
};

struct mempolicy___v5_10 {
	unsigned short mode;
	union {
		nodemask_t nodes;
	} v;
};

struct mm_struct;

struct vm_struct { /* of vmalloc */
	void *addr;
	struct page **pages;
};

struct thread_struct {
	unsigned long fsbase; /* arch/x86/include/asm/processor.h, 5.10 to 7.2 */
};

struct task_struct {
	struct thread_info thread_info; /* holds the CPU from 5.16 (bcf9033e5449) */
	unsigned int __state;
	struct sched_entity se;
	const struct cpumask *cpus_ptr;
	pid_t pid;
	pid_t tgid;
	int exit_state;
	int prio;
	char comm[16];
	unsigned in_execve : 1;
	int numa_preferred_nid;
	unsigned long *numa_faults;
	struct mempolicy *mempolicy;
	struct mm_struct *mm;
	struct vm_struct *stack_vm_area; /* CONFIG_VMAP_STACK */
	struct thread_struct thread;
};

/* Up to 5.13: `state`; up to 5.15: `cpu` in task_struct itself. */
struct task_struct___v5_10 {
	volatile long state;
	unsigned int cpu;
};

struct mm_struct {
	u64 *pgd;
	struct task_struct *owner;
};

struct super_block {
	unsigned char s_blocksize_bits;
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
};

struct rb_node {
	unsigned long __rb_parent_color;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct shared_policy {
	struct rb_root root;
};

struct sp_node {
	struct rb_node nd;
	struct mempolicy *policy;
};

struct shmem_inode_info {
	struct shared_policy policy;
	struct inode vfs_inode;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	struct file *vm_file;
	struct mempolicy *vm_policy;
};

enum fault_flag {
	FAULT_FLAG_WRITE = 1,
};

struct vm_fault {
	struct vm_area_struct *vma;
	unsigned long address;
	enum fault_flag flags;
};

struct vm_fault___v5_10 { /* up to 5.13 */
	unsigned int flags;
};

struct page___flags_long { /* up to 6.17 */
	unsigned long flags;
};

typedef struct {
	unsigned long f;
} memdesc_flags_t;

typedef struct {
	int counter;
} atomic_t;

struct page {
	memdesc_flags_t flags; /* from 6.18 */
	atomic_t _refcount;
	atomic_t _mapcount; /* of a small page, minus 1 */
};

struct folio {
	unsigned int _nr_pages; /* from 6.18 */
	atomic_t _pincount;	/* of a large one; not on 5.10 */
};

struct folio___v6_1 { /* 5.19 to 6.17 */
	unsigned int _folio_nr_pages;
};

struct ksm_rmap_item {
	unsigned long address; /* its lowest bits are flags */
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, sp;
};

#pragma clang attribute pop

enum cpuhp_state {
	CPUHP_TEARDOWN_CPU = 1, /* another number on each kernel */
};

enum pageflags {
	PG_head = 6,
	PG_swapbacked = 17,
};

enum migrate_reason {
	MR_COMPACTION,
	MR_MEMORY_FAILURE,
	MR_MEMORY_HOTPLUG,
	MR_SYSCALL,
	MR_MEMPOLICY_MBIND,
	MR_NUMA_MISPLACED,
	MR_CONTIG_RANGE,
	MR_LONGTERM_PIN, /* from 5.17 */
	MR_DEMOTION,	 /* from 5.18 */
	MR_DAMON,	 /* from 6.11 */
};

#define TMPFS_MAGIC 0x01021994
#define TASK_WAKING 0x0200 /* include/linux/sched.h, all kernels from 5.10 */
#define VM_EXEC 0x4
#define VM_SHARED 0x8

#endif
