/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What lies in the rings and maps between bpf/ and user/source/live: layouts only. Included by
 * both sides after the fixed-width types u8 … s64 are known.
 */
#ifndef NUMADRIFT_WIRE_H
#define NUMADRIFT_WIRE_H

#include "numadrift/events.h"
#include "numadrift/recipe.h"

#ifdef __cplusplus
#define ND_STATIC_ASSERT(condition, what) static_assert(condition, what)
#else
#define ND_STATIC_ASSERT(condition, what) _Static_assert(condition, what)
#endif

/* Every record in a ring begins with this. time_ns: CLOCK_MONOTONIC. */
struct nd_header {
	u64 time_ns;
	u32 pid; /* process (tgid) the event is about */
	u32 tid; /* thread the event is about, 0 for none in particular */
	u16 kind;
	u16 wakes; /* the reader, when it is submitted */
	u32 reserved;
};

struct nd_comm {
	char text[ND_COMM_BYTES];
};

/* The field types of the event list as they lie in a ring. */
#define ND_WIRE_u8 u8
#define ND_WIRE_u16 u16
#define ND_WIRE_u32 u32
#define ND_WIRE_u64 u64
#define ND_WIRE_s32 s32
#define ND_WIRE_comm struct nd_comm
#define ND_FIELD(type, name) ND_WIRE_##type name;
#define ND_STRUCT(number, name, type)                                                              \
	struct nd_##name {                                                                         \
		ND_FIELDS_##name(ND_FIELD)                                                         \
	};
ND_KERNEL_EVENTS(ND_STRUCT)
#undef ND_STRUCT
#undef ND_FIELD

/* Sizes are part of the contract; asserted here for both sides. */
ND_STATIC_ASSERT(sizeof(struct nd_header) == 24, "nd_header");
ND_STATIC_ASSERT(sizeof(struct nd_task_new) == 24, "nd_task_new");
ND_STATIC_ASSERT(sizeof(struct nd_task_exec) == 20, "nd_task_exec");
ND_STATIC_ASSERT(sizeof(struct nd_task_rename) == 16, "nd_task_rename");
ND_STATIC_ASSERT(sizeof(struct nd_task_exit) == 16, "nd_task_exit");
ND_STATIC_ASSERT(sizeof(struct nd_task_gone) == 8, "nd_task_gone");
ND_STATIC_ASSERT(sizeof(struct nd_cpu_move) == 40, "nd_cpu_move");
ND_STATIC_ASSERT(sizeof(struct nd_first_touch) == 24, "nd_first_touch");
ND_STATIC_ASSERT(sizeof(struct nd_hint_fault) == 24, "nd_hint_fault");
ND_STATIC_ASSERT(sizeof(struct nd_numa_decision) == 20, "nd_numa_decision");
ND_STATIC_ASSERT(sizeof(struct nd_page_move) == 32, "nd_page_move");

/* Per kind and CPU: reserve attempts, and those that found the ring full. */
struct nd_count {
	u64 emitted;
	u64 lost;
};

/* What the task iterator writes for each thread of a target. */
struct nd_task_row {
	u64 time_ns;
	u64 runtime_ns;
	u32 pid;
	u32 tid;
	u32 cpu;
	u32 ended; /* exited, but not yet released */
	struct nd_comm comm;
	u64 touch_ns; /* its open run of first touches, as nd_first_touch will say it one day */
	u64 touch_address;
	u32 touch_pages; /* so far; 0: none is open */
	s32 touch_node;
	u32 touch_memory;
	s32 policy;	  /* task_struct::mempolicy: MPOL_*, 0 for none */
	u64 policy_nodes; /* of the first 64 */
	u64 hint_ns;	  /* its open run of hint faults, as nd_hint_fault will say it one day */
	u64 hint_address;
	u32 hint_pages; /* so far; 0: none is open */
	s32 hint_page_node;
	s32 hint_target_node;
	u32 hint_flags;
	u64 fault_ns; /* its last page fault, if that is in no run yet */
	u64 fault_address;
	u32 fault_pages; /* 0: none, or in the run of first touches above */
	s32 fault_node;
};
ND_STATIC_ASSERT(sizeof(struct nd_task_row) == 144, "nd_task_row");

/* What another iterator writes for each thread that NUMA balancing has counted faults of. */
#define ND_FAULT_NODES 64
struct nd_faults_row {
	u32 pid;
	u32 tid;
	s32 preferred_node;
	u32 nodes; /* words that follow count, two a node: shared and private */
	u64 pages[2 * ND_FAULT_NODES];
};
ND_STATIC_ASSERT(sizeof(struct nd_faults_row) == 16 + 16 * ND_FAULT_NODES, "nd_faults_row");

/* A mapping that has a policy, by the iterator over a process' mappings. policy: MPOL_*. */
struct nd_vma_row {
	u64 begin;
	u64 end;
	u64 policy_nodes; /* of the first 64 */
	u32 pid;
	s32 policy;
	u32 shared; /* the policy is that of the shared memory object, not of this mapping */
	u32 reserved;
};
ND_STATIC_ASSERT(sizeof(struct nd_vma_row) == 40, "nd_vma_row");

/* General registers by number, as machine code counts them but for the first eight. */
/* clang-format off */
#define ND_REGISTERS(X)                                                                            \
	X(0, ax) X(1, bx) X(2, cx) X(3, dx) X(4, si) X(5, di) X(6, bp) X(7, sp)                    \
	X(8, r8) X(9, r9) X(10, r10) X(11, r11) X(12, r12) X(13, r13) X(14, r14) X(15, r15)
/* clang-format on */

/* Bytes of code sent along with a sample: before ip and from it. */
#define ND_CODE_BEFORE 48
#define ND_CODE_BYTES 112

enum nd_sample_where {
	ND_SAMPLED_USER,   /* interrupted in user code, at ip */
	ND_SAMPLED_FAULT,  /* in the kernel, for the instruction at ip, which will run again */
	ND_SAMPLED_KERNEL, /* in a system call: ip, registers and code are the kernel's */
};

/* A running thread of a target, by the cpu-clock: in the ring of samples. */
struct nd_sample {
	u64 time_ns;
	u32 pid;
	u32 tid;
	u64 ip;
	u64 registers[16];
	struct nd_stack stack;
	u32 where; /* enum nd_sample_where */
	u32 code_before;
	u32 code_bytes; /* of code[], which begins code_before bytes before ip; 0: not readable */
	u8 code[ND_CODE_BYTES];
	u32 reserved;
};
ND_STATIC_ASSERT(sizeof(struct nd_sample) == 296, "nd_sample");

/* What became of a sample whose recipe was known: in the ring of samples, told by its size. */
struct nd_answer {
	u64 time_ns;
	u32 pid;
	u32 tid;
	u64 address;
	s32 node;   /* of the page; -1: it is not there, ND_WALK_FAILED: the page table could not be
		       read */
	u8 kind;    /* enum nd_access_kind */
	u8 where;   /* enum nd_sample_where */
	u8 is_code; /* the page may be executed */
	u8 reserved;
};
ND_STATIC_ASSERT(sizeof(struct nd_answer) == 32, "nd_answer");

/* What a walk of page tables needs to know: found by user space when it attaches (bpf/walk.bpf.h).
 */
struct nd_page_walk {
	u64 direct_map; /* where physical memory begins in the kernel's addresses; 0: no walks */
	u64 frame_mask; /* bits of an entry that are a physical address */
	u64 zero_frame; /* page frames that everybody reads and nobody has; 0: not known */
	u64 huge_zero_frame;
	u64 page_map; /* where struct page of frame 0 would be (vmemmap); 0: not known */
	u32 levels;   /* of page tables: 4 or 5 */
	u32 reserved;
};

/* A question about pages of a process, and its answers (bpf/walk.bpf.c). */
#define ND_WALK_PAGES 512
#define ND_WALK_BASES 1024
#define ND_WALK_FAILED (-2)
#define ND_WALK_BLOCK_SHIFT 21 /* what a last table holds: 2 MiB */
enum nd_walk_question {
	ND_WALK_nodes,	   /* of the pages at `address` */
	ND_WALK_base,	   /* where is the direct map? */
	ND_WALK_populated, /* which blocks from `cursor` to `end` have a page table? */
};
struct nd_walk_query {
	u32 pid;
	u32 answered;
	u64 pgd;
	u32 question;	/* enum nd_walk_question */
	u32 pages;	/* how many are asked for; blocks: how many were found */
	u32 first_base; /* of ND_WALK_BASES to be tried; behind the one that was found */
	u32 reserved;
	u64 cursor; /* blocks: from here on; moves on by ND_WALK_PAGES steps a question */
	u64 end;
	u64 address[ND_WALK_PAGES];
	u64 frame[ND_WALK_PAGES]; /* 0: no page is there */
	s32 node[ND_WALK_PAGES];  /* -1: no page, or the zero page */
	u32 shift[ND_WALK_PAGES]; /* log2 of the bytes that the answer holds for */
	u8 pinned[ND_WALK_PAGES]; /* by devices, RDMA or io_uring (pin_user_pages); 0 where that is
				     not known */
};

/* Bounds of tables: CPUs the kernel side knows by node, process ids (PID_MAX_LIMIT). */
#define ND_MAX_CPUS 4096
#define ND_MAX_PIDS (4 * 1024 * 1024)
#define ND_MAX_NODES 1024

#endif
