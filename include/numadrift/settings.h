/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What user space tells the kernel side before loading it (read-only data: the verifier removes
 * the branches that do not apply). Nothing here changes while programs run.
 */
#ifndef NUMADRIFT_SETTINGS_H
#define NUMADRIFT_SETTINGS_H

#define ND_MAX_PFN_RANGES 64

/* Page frames [first, last] are on `node`. */
struct nd_pfn_range {
	u64 first;
	u64 last;
	s32 node;
	u32 reserved;
};

struct nd_settings {
	u32 nodes_shift;      /* NODES_SHIFT of this kernel: bits of the node in page->flags */
	u32 cpu_words;	      /* longs in a cpumask: those beyond do not exist */
	u32 wake_bytes;	      /* the reader is woken whenever so much was written; a power of two */
	u32 has_task_storage; /* tracing programs may keep state in a task (5.15; some of 5.12) */
	u32 has_task_regs;    /* helpers bpf_get_current_task_btf and bpf_task_pt_regs (5.15) */
	u32 pfn_ranges;
	u32 knows_origin;	 /* a hook tells where migrating pages come from */
	u32 faults_tell_touches; /* the programs on page faults do (bpf/first_touch_tp.bpf.c) */
	u32 faults_tell_hints;
	u32 follows_children; /* what a target forks is a target */
	u32 node_ids; /* nr_node_ids, of the arrays of NUMA balancing; at most ND_FAULT_NODES */
	struct nd_pfn_range pfn_range[ND_MAX_PFN_RANGES];
};

#endif
