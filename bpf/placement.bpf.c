// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel itself knows of placement: the faults NUMA balancing has counted, and the memory
 * policies of mappings. Read by user space now and then, nothing here is on a hot path.
 */
#include "observe.bpf.h"

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
} __attribute__((preserve_access_index));

/* The row is too large for the stack of a program. Iterators of one object run one at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct nd_faults_row);
} faults_row SEC(".maps");

/*
 * task_struct::numa_faults (kernel/sched/fair.c, task_faults_idx): NUMA_MEM comes first, two words
 * a node. Needs probe_read: the array has no type.
 */
SEC("iter/task")
int each_numa_faults(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	struct nd_faults_row *row;
	u32 zero = 0;
	u32 nodes = settings.node_ids;

	if (!p || !is_target(p->tgid) || !p->numa_faults || nodes > ND_FAULT_NODES)
		return 0;
	row = bpf_map_lookup_elem(&faults_row, &zero);
	if (!row)
		return 0;
	row->pid = p->tgid;
	row->tid = p->pid;
	row->preferred_node = p->numa_preferred_nid;
	row->nodes = nodes;
	if (bpf_probe_read_kernel(row->pages, nodes * 2 * sizeof(u64), p->numa_faults))
		return 0;
	bpf_seq_write(ctx->meta->seq, row, sizeof(*row));
	return 0;
}

/* Only the process whose turn it is: written by user space before it reads. */
SEC(".data.policy") pid_t policy_pid;

/*
 * The policy of a shared memory object (mm/shmem.c, struct shmem_inode_info::policy): it holds for
 * all processes that map it, whoever set it. The root of its tree stands for the whole; an object
 * with several is told by that one. Its address is reckoned, not followed: hence probe_read.
 */
static __always_inline struct mempolicy *shared_policy(struct vm_area_struct *vma)
{
	struct inode *inode = vma->vm_file ? vma->vm_file->f_inode : NULL;
	struct mempolicy *policy = NULL;
	struct rb_node *root = NULL;
	void *info;

	if (!inode || inode->i_sb->s_magic != TMPFS_MAGIC)
		return NULL;
	info = (void *)inode - bpf_core_field_offset(struct shmem_inode_info, vfs_inode);
	if (bpf_probe_read_kernel(
		&root, sizeof(root),
		info + bpf_core_field_offset(struct shmem_inode_info, policy.root.rb_node)) ||
	    !root)
		return NULL;
	bpf_probe_read_kernel(&policy, sizeof(policy),
			      (void *)root - bpf_core_field_offset(struct sp_node, nd) +
				  bpf_core_field_offset(struct sp_node, policy));
	return policy;
}

/* Mappings with a policy of their own or of the object they map; the leader's, as all threads share
 * them. */
SEC("iter/task_vma")
int each_policy(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct nd_vma_row row = {};
	struct mempolicy *policy;
	unsigned short mode = 0;

	if (!task || !vma || task->tgid != policy_pid || task->pid != task->tgid)
		return 0;
	policy = vma->vm_policy;
	if (policy) {
		mode = policy->mode;
		row.policy_nodes = policy_nodes(policy);
	} else {
		policy = shared_policy(vma);
		if (!policy)
			return 0;
		row.shared = 1;
		if (bpf_core_field_exists(((struct mempolicy___v5_10 *)0)->v))
			bpf_core_read(&row.policy_nodes, sizeof(row.policy_nodes),
				      &((struct mempolicy___v5_10 *)policy)->v.nodes.bits[0]);
		else
			bpf_core_read(&row.policy_nodes, sizeof(row.policy_nodes),
				      &policy->nodes.bits[0]);
		bpf_core_read(&mode, sizeof(mode), &policy->mode);
	}
	row.begin = vma->vm_start;
	row.end = vma->vm_end;
	row.pid = task->tgid;
	row.policy = mode;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}
