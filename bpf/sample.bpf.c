// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data-address sampling without a PMU: the software cpu-clock interrupts running threads; those of
 * targets leave ip, registers and the code around ip. User space works out which memory the
 * instruction used. The code comes with the registers because a JIT may rewrite it at any time.
 */
#include "observe.bpf.h"

/* Samples have a ring of their own: they are not events, and never crowd them out. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before loading, by the number of CPUs */
} samples SEC(".maps");

/* include/uapi/asm/ptrace.h and linux/bpf_perf_event.h: the layout of a context, not of kernel
 * memory, hence outside CO-RE. */
struct sample_context {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs;
	u64 flags, sp, ss, sample_period, addr;
};

static __always_inline struct nd_sample *reserve_sample(void)
{
	u32 kind = ND_COUNT_SAMPLES;
	struct nd_count *count = bpf_map_lookup_elem(&counts, &kind);
	struct nd_sample *sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);

	if (count)
		count->emitted++;
	if (!sample && count)
		count->lost++;
	return sample;
}

/* The whole window, or what the end of a mapping leaves of it. Never faults pages in. */
#define READ_CODE(sample, read)                                                                    \
	do {                                                                                       \
		(sample)->code_before = ND_CODE_BEFORE;                                            \
		(sample)->code_bytes = ND_CODE_BYTES;                                              \
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

/* Reading may fault itself, at the end of a mapping; on the tracepoint path that is seen and would
 * be taken for a fault of the thread (first_touch_tp.bpf.c): so what is under way is put back. */
static __always_inline void read_user_code(struct nd_sample *sample)
{
	struct thread_state *state = own_state(false);
	struct fault fault = {};

	if (state)
		fault = state->fault;
	READ_CODE(sample, bpf_probe_read_user);
	if (state)
		state->fault = fault;
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

		sample->user_sp = from->sp;
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

SEC("perf_event")
int on_sample(struct sample_context *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	struct nd_sample *sample;

	if (!is_target(id >> 32) || !(u32)id)
		return 0;
	sample = reserve_sample();
	if (!sample)
		return 0;
	sample->time_ns = bpf_ktime_get_ns();
	sample->pid = id >> 32;
	sample->tid = (u32)id;
	sample->user_sp = 0;
	sample->reserved = 0;
	if ((ctx->cs & 3) == 3) {
		struct sample_context *from = ctx;

		sample->where = ND_SAMPLED_USER;
		sample->ip = from->ip;
		sample->user_sp = from->sp;
		ND_REGISTERS(COPY_REGISTER)
		read_user_code(sample);
	} else {
		sample_kernel(sample, ctx);
	}
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
	return 0;
}
