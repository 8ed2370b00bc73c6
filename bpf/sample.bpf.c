// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data-address sampling without a PMU: the software cpu-clock interrupts running threads. For code
 * that user space has seen before there is a recipe (numadrift/recipe.h): the address is worked out
 * and its page looked up here, at the very moment of the sample. Only unknown code leaves with its
 * registers and the code around ip, for user space to learn it. Code is compared each time, because
 * a JIT may rewrite it.
 */
#include "walk.bpf.h"

/* Samples have a ring of their own: they are not events, and never crowd them out. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before loading, by the number of CPUs */
} samples SEC(".maps");

/* By code, not by process: a child of a fork is answered from its first sample on. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ND_MOST_RECIPES);
	__type(key, struct nd_recipe_key);
	__type(value, struct nd_recipe);
} recipes SEC(".maps");

#define MOST_STACK_BYTES (64ul << 20)
#define CONTROL_BLOCK_BYTES 4096ul /* struct pthread of glibc 2.36 has 2,304 */

/* What one sample is worked out in: too much for a stack. */
struct scratch {
	struct nd_sample sample;
	struct nd_recipe_key key;
	struct nd_recipe recipe;
	u64 registers[ND_RECIPE_REGISTERS];
	struct nd_access access;
	u64 sampled_line; /* on this CPU, for threads that have no state */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* include/uapi/asm/ptrace.h and linux/bpf_perf_event.h: the layout of a context, not of kernel
 * memory, hence outside CO-RE. */
struct sample_context {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs;
	u64 flags, sp, ss, sample_period, addr;
};

static __always_inline void *reserve_sample(bool is_raw)
{
	u32 kind = ND_COUNT_SAMPLES;
	struct nd_count *count = bpf_map_lookup_elem(&counts, &kind);
	void *record = is_raw ? bpf_ringbuf_reserve(&samples, sizeof(struct nd_sample), 0)
			      : bpf_ringbuf_reserve(&samples, sizeof(struct nd_answer), 0);

	if (count)
		count->emitted++;
	if (!record && count)
		count->lost++;
	return record;
}

/* The whole window, or what the end of a mapping leaves of it. Never faults pages in. */
#define READ_CODE(sample, read)                                                                    \
	do {                                                                                       \
		(sample)->code_before = ND_CODE_BEFORE;                                            \
		(sample)->code_bytes = ND_CODE_BYTES;                                              \
		__builtin_memset((sample)->code, 0, ND_CODE_BYTES);                                \
		if (!read((sample)->code, ND_CODE_BYTES, (void *)(sample)->ip - ND_CODE_BEFORE))   \
			break;                                                                     \
		(sample)->code_bytes = ND_CODE_BEFORE + 16;                                        \
		if (!read((sample)->code, ND_CODE_BEFORE + 16,                                     \
			  (void *)(sample)->ip - ND_CODE_BEFORE))                                  \
			break;                                                                     \
		(sample)->code_before = 0;                                                         \
		(sample)->code_bytes = 16;                                                         \
		if (read((sample)->code, 16, (void *)(sample)->ip))                                \
			(sample)->code_bytes = 0;                                                  \
	} while (0)

#define COPY_REGISTER(number, name) sample->registers[number] = from->name;

/* The control block of a thread of glibc or musl is at its stack's end; that of the first thread
 * lies elsewhere, and coroutines have stacks of their own. */
static __always_inline void fill_stack(struct nd_sample *sample, u64 sp)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	u64 control_block = BPF_CORE_READ(task, thread.fsbase);

	sample->stack.sp = sp;
	if (control_block > sp && control_block - sp < MOST_STACK_BYTES)
		sample->stack.end = control_block + CONTROL_BLOCK_BYTES;
}

static __always_inline void read_user_code(struct nd_sample *sample)
{
	READ_CODE(sample, bpf_probe_read_user);
}

/*
 * In the kernel. For an exception (a page fault above all) the instruction of user space that
 * caused it runs again and uses what it says. In a system call the kernel itself touches user
 * memory, for read() or write(): its own instruction tells.
 */
static __always_inline void sample_kernel(struct nd_sample *sample, struct sample_context *ctx)
{
	if (settings.has_task_regs) {
		struct pt_regs *from =
		    (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

		fill_stack(sample, from->sp);
		if ((s64)from->orig_ax < 0) {
			sample->where = ND_SAMPLED_FAULT;
			sample->ip = from->ip;
			ND_REGISTERS(COPY_REGISTER)
			read_user_code(sample);
			return;
		}
	}
	{
		struct sample_context *from = ctx;

		sample->where = ND_SAMPLED_KERNEL;
		sample->ip = from->ip;
		ND_REGISTERS(COPY_REGISTER)
		READ_CODE(sample, bpf_probe_read_kernel);
	}
}

static __always_inline void fill_key(struct scratch *scratch)
{
	struct nd_sample *sample = &scratch->sample;
	u64 hash = sample->code_bytes;

#pragma unroll
	for (int i = 0; i < ND_CODE_BYTES / 8; i++)
		hash = nd_code_hash_step(hash, ((u64 *)sample->code)[i]);
	scratch->key.ip = sample->ip;
	scratch->key.code = hash;
	scratch->key.where = sample->where;
}

/* A function of its own: verified once, not for each operation. */
__noinline int recipe_step(u32 i)
{
	u32 zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	u64 address, loaded = 0;
	struct nd_op *op;

	if (!scratch || i >= scratch->recipe.ops)
		return 1;
	op = &scratch->recipe.op[i % ND_MOST_OPS];
	if (op->kind == ND_OP_load) {
		address = nd_recipe_value(scratch->registers, op);
		if (!nd_recipe_may_load(address, scratch->sample.stack, &scratch->access) ||
		    bpf_probe_read_user(&loaded, sizeof(loaded), (void *)address))
			return 1;
		nd_recipe_loaded(scratch->registers, op, loaded);
		return 0;
	}
	return nd_recipe_step(scratch->registers, op, scratch->sample.stack,
			      scratch->sample.where == ND_SAMPLED_KERNEL,
			      scratch->sample.time_ns >> 8, &scratch->access);
}

static __always_inline void follow_recipe(void)
{
	for (u32 i = 0; i < ND_MOST_OPS; i++)
		if (recipe_step(i))
			break;
}

/* The kernel's own end of a copy lies in the direct map, whatever the process. */
static __always_inline void look_up(struct nd_answer *answer, u64 address)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct page_entry found = {};

	answer->address = address;
	if (nd_is_user(address)) {
		answer->node = walk_node(pgd_of(task), address, &found);
		if (found.failed)
			answer->node = ND_WALK_FAILED;
		answer->is_code = found.pte && !(found.pte & PTE_NO_EXEC);
	} else if (address >= page_walk.direct_map &&
		   address - page_walk.direct_map < page_walk.frame_mask) {
		answer->node = node_of_pfn((address - page_walk.direct_map) >> 12);
	}
}

/* True: it was told. */
static __always_inline bool answer(struct scratch *scratch, struct thread_state *state)
{
	struct nd_sample *sample = &scratch->sample;
	struct nd_recipe *recipe;
	struct nd_answer *answer;

	if (!page_walk.direct_map)
		return false;
	fill_key(scratch);
	recipe = bpf_map_lookup_elem(&recipes, &scratch->key);
	if (!recipe)
		return false;
	bpf_probe_read_kernel(&scratch->recipe, sizeof(scratch->recipe), recipe);
	__builtin_memcpy(scratch->registers, sample->registers, sizeof(sample->registers));
	__builtin_memset(&scratch->registers[ND_ZERO_REGISTER], 0,
			 sizeof(u64) * (ND_RECIPE_REGISTERS - ND_ZERO_REGISTER));
	__builtin_memset(&scratch->access, 0, sizeof(scratch->access));
	scratch->access.last_line =
	    state && state->sampled_line ? state->sampled_line : scratch->sampled_line;
	follow_recipe();
	if (scratch->access.kind == ND_ACCESS_exact) {
		scratch->sampled_line = nd_line_of(scratch->access.address);
		if (state)
			state->sampled_line = scratch->sampled_line;
	}
	answer = reserve_sample(false);
	if (!answer)
		return true;
	__builtin_memset(answer, 0, sizeof(*answer));
	answer->time_ns = sample->time_ns;
	answer->pid = sample->pid;
	answer->tid = sample->tid;
	answer->where = sample->where;
	answer->node = -1;
	answer->kind = scratch->access.kind;
	if (answer->kind == ND_ACCESS_opaque && scratch->access.was_own)
		answer->kind = ND_ACCESS_own;
	if (answer->kind == ND_ACCESS_exact || answer->kind == ND_ACCESS_copy)
		look_up(answer, scratch->access.address);
	else
		answer->address = scratch->access.address;
	bpf_ringbuf_submit(answer, BPF_RB_NO_WAKEUP);
	return true;
}

static __always_inline void take_sample(struct sample_context *ctx, struct thread_state *state)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	struct nd_sample *sample, *raw;

	if (!scratch)
		return;
	sample = &scratch->sample;
	sample->time_ns = bpf_ktime_get_ns();
	sample->pid = id >> 32;
	sample->tid = (u32)id;
	sample->stack.sp = sample->stack.end = 0;
	sample->reserved = 0;
	if ((ctx->cs & 3) == 3) {
		struct sample_context *from = ctx;

		sample->where = ND_SAMPLED_USER;
		sample->ip = from->ip;
		fill_stack(sample, from->sp);
		ND_REGISTERS(COPY_REGISTER)
		read_user_code(sample);
	} else {
		sample_kernel(sample, ctx);
	}
	if (answer(scratch, state))
		return;
	raw = reserve_sample(true);
	if (!raw)
		return;
	__builtin_memcpy(raw, sample, sizeof(*raw));
	bpf_ringbuf_submit(raw, BPF_RB_NO_WAKEUP);
}

/* Reading the thread's memory may fault itself, at the end of a mapping; on the tracepoint path
 * that is seen and would be taken for a fault of the thread (first_touch_tp.bpf.c): so what is
 * under way is put back. */
SEC("perf_event")
int on_sample(struct sample_context *ctx)
{
	struct thread_state *state;
	struct fault fault = {};

	if (!is_target(current_pid()) || !current_tid())
		return 0;
	state = own_state(false); /* the interrupt is no place to make one */
	if (state)
		fault = state->fault;
	take_sample(ctx, state);
	if (state)
		state->fault = fault;
	return 0;
}
