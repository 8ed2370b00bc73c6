/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Recipes: how to work out which memory the instructions around one ip use, from the registers of a
 * sample. User space reads the machine code once and writes the recipe (user/sampling/recipe.h);
 * the sampling program follows it in the interrupt, user space does for samples that came with
 * their code. Both run what is here, so they cannot differ.
 *
 * Included by both sides after the fixed-width types u8 … s64 are known.
 */
#ifndef NUMADRIFT_RECIPE_H
#define NUMADRIFT_RECIPE_H

/* Registers 0 to 15 are those of struct nd_sample; one more is always 0, and stands for none. */
#define ND_ZERO_REGISTER 16
#define ND_LOADED_REGISTER 17  /* for what is loaded to be calculated with */
#define ND_RECIPE_REGISTERS 32 /* a power of two: an index is masked, and the verifier content */

#define ND_MOST_OPS 32	     /* a power of two, as above */
#define ND_MOST_RECIPES 8192 /* known at a time, some 4 MiB */

/*
 * What an operation does with its value, registers[from] + (registers[index] << shift) + number.
 * `bits` of a calculation is 32 or 64: the width of both sides and of the result.
 */
enum nd_op_kind {
	ND_OP_opaque, /* ends: no address can be worked out */
	ND_OP_own,    /* ends: what is used here says nothing of memory (own stack, a spin loop) */
	ND_OP_pass,   /* an access to the thread's own: to be passed over, but remembered */
	ND_OP_use,  /* the value is the address used; ends, unless it is in the own stack, or in the
		       line that was used last time: then it holds if nothing else is found */
	ND_OP_near, /* ends: the value is the base of the address used, the index is gone */
	ND_OP_copy, /* registers[from] is read and registers[to] written, or both read; ends */
	ND_OP_set,
	ND_OP_load, /* what is at the value, if that is in the own stack or in the line used last
		       time; of `bits`, extended by its sign or by 0. Only the interrupt can:
		       nd_recipe_step() ends there */
	ND_OP_add,
	ND_OP_subtract,
	ND_OP_and,
	ND_OP_or,
	ND_OP_xor,
	ND_OP_multiply,
	ND_OP_shift_left,
	ND_OP_shift_right,
	ND_OP_shift_arithmetic,
	ND_OP_rotate_left,
	ND_OP_zero_extend, /* of the lowest `bits` of the value: 8, 16 or 32 */
	ND_OP_sign_extend, /* … to 64 bits */
	ND_OP_negate,
	ND_OP_invert,
	ND_OP_divide, /* ax and dx become quotient and remainder of ax; where dx was 0, and no sign
			 is set if it is signed */
};

struct nd_op {
	u8 kind; /* enum nd_op_kind */
	u8 to;
	u8 from;
	u8 index;
	u8 shift; /* of the index: 0 to 3 */
	u8 bits;
	u8 is_signed; /* a division, a load */
	u8 reserved;
	u64 number;
};

struct nd_recipe {
	u32 ops;
	u32 reserved;
	struct nd_op op[ND_MOST_OPS];
};

/* A recipe holds for one ip while the code around it is what it was. */
struct nd_recipe_key {
	u64 ip;
	u64 code;  /* nd_code_hash() */
	u64 where; /* enum nd_sample_where */
};

/* A thread's own stack, around its stack pointer and up to its end where that is known: glibc has
 * the thread's control block there, and behind it lies whatever was mapped before. Mappings do not
 * tell: stacks of Go or of coroutines lie amidst the heap. Accesses to it are passed over: they
 * hardly ever miss the caches. */
#define ND_STACK_ABOVE (64u << 10)
#define ND_STACK_BELOW (64u << 10)

struct nd_stack {
	u64 sp;	 /* 0 where not known */
	u64 end; /* 0 where not known */
};

/* Addresses of user space: up to five levels of page tables. */
#define ND_USER_BEGIN (1ull << 16)
#define ND_USER_END (1ull << 56)

/* What a recipe says of a sample. */
enum nd_access_kind {
	ND_ACCESS_opaque,
	ND_ACCESS_own,
	ND_ACCESS_exact,
	ND_ACCESS_base, /* somewhere near the address */
	ND_ACCESS_copy, /* one end of a copy by the kernel; it may be the kernel's own memory */
};

struct nd_access {
	u64 address;
	u64 last_line; /* in: what the thread used at its last sample, in cache lines; 0: nothing */
	u32 kind;      /* enum nd_access_kind */
	u32 was_own;
};

/* Eight bytes of code at a time, into a hash that begins with anything. */
static inline __attribute__((always_inline)) u64 nd_code_hash_step(u64 hash, u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static inline __attribute__((always_inline)) u32 nd_is_user(u64 address)
{
	return address >= ND_USER_BEGIN && address < ND_USER_END;
}

static inline __attribute__((always_inline)) u64 nd_line_of(u64 address)
{
	return address >> 6;
}

static inline __attribute__((always_inline)) u32 nd_is_own_stack(u64 address, struct nd_stack stack)
{
	return stack.sp != 0 && address + ND_STACK_BELOW >= stack.sp &&
	       address < stack.sp + ND_STACK_ABOVE && (stack.end == 0 || address < stack.end);
}

/* One of the two ends of a copy, in turn. In the kernel one end must be the user's, else nothing is
 * copied to or from the thread. */
static inline __attribute__((always_inline)) void nd_recipe_copy(u64 from, u64 to,
								 struct nd_stack stack,
								 u32 in_kernel, u32 turn,
								 struct nd_access *access)
{
	u64 first = turn & 1 ? to : from;
	u64 second = turn & 1 ? from : to;

	if (in_kernel) {
		if (!nd_is_user(from) && !nd_is_user(to))
			return;
		access->kind = ND_ACCESS_copy;
		access->address = first;
		return;
	}
	access->was_own = 1;
	if (nd_is_own_stack(first, stack))
		first = second;
	if (!nd_is_user(first) || nd_is_own_stack(first, stack))
		return;
	access->kind = ND_ACCESS_exact;
	access->address = first;
}

/* In the kernel's own copying loops one of si and di is the user's end, the other the kernel's. */
static inline __attribute__((always_inline)) u32 nd_is_end_of_copy(const u64 *registers,
								   const struct nd_op *op)
{
	enum { si = 4, di = 5 };

	return (op->from == si && nd_is_user(registers[di])) ||
	       (op->from == di && nd_is_user(registers[si]));
}

/* The end of a recipe at an access; 0 where it goes on. */
static inline __attribute__((always_inline)) u32
nd_recipe_access(const u64 *registers, const struct nd_op *op, u64 value, struct nd_stack stack,
		 u32 in_kernel, u32 turn, struct nd_access *access)
{
	switch (op->kind) {
	case ND_OP_pass:
		access->was_own |= !in_kernel;
		return 0;
	case ND_OP_own:
		access->was_own = 1;
		return 1;
	case ND_OP_copy:
		nd_recipe_copy(registers[op->from % ND_RECIPE_REGISTERS],
			       registers[op->to % ND_RECIPE_REGISTERS], stack, in_kernel, turn,
			       access);
		return 1;
	case ND_OP_use:
		if (nd_is_own_stack(value, stack)) {
			access->was_own = 1;
			return 0;
		}
		if (in_kernel && !nd_is_user(value) && !nd_is_end_of_copy(registers, op))
			return 1;
		if (!in_kernel && !nd_is_user(value))
			return 1;
		access->kind = in_kernel ? ND_ACCESS_copy : ND_ACCESS_exact;
		access->address = value;
		/* What the last sample used holds only if nothing else is found. */
		return in_kernel || nd_line_of(value) != access->last_line;
	case ND_OP_near:
		if (!nd_is_user(value) || nd_is_own_stack(value, stack))
			return 1;
		access->kind = ND_ACCESS_base;
		access->address = value;
		return 1;
	default:
		return 1;
	}
}

static inline __attribute__((always_inline)) u64 nd_sign_extend(u64 value, u8 bits)
{
	u32 shift = (64u - bits) & 63;

	return (u64)((s64)(value << shift) >> shift);
}

/* A calculation's result; `old` and `value` are as wide as the operation. */
static inline __attribute__((always_inline)) u64 nd_recipe_result(const struct nd_op *op, u64 old,
								  u64 value)
{
	u32 count = (u32)value & (op->bits == 32 ? 31 : 63);

	switch (op->kind) {
	case ND_OP_set:
		return value;
	case ND_OP_add:
		return old + value;
	case ND_OP_subtract:
		return old - value;
	case ND_OP_and:
		return old & value;
	case ND_OP_or:
		return old | value;
	case ND_OP_xor:
		return old ^ value;
	case ND_OP_multiply:
		return old * value;
	case ND_OP_shift_left:
		return old << count;
	case ND_OP_shift_right:
		return old >> count;
	case ND_OP_shift_arithmetic:
		return (u64)((op->bits == 32 ? (s64)nd_sign_extend(old, 32) : (s64)old) >> count);
	case ND_OP_rotate_left:
		return op->bits == 32 ? old << count | old >> ((32 - count) & 31)
				      : old << count | old >> ((64 - count) & 63);
	case ND_OP_zero_extend:
		return value & (op->bits < 64 ? (1ull << (op->bits & 63)) - 1 : ~0ull);
	case ND_OP_sign_extend:
		return nd_sign_extend(value, op->bits);
	case ND_OP_negate:
		return -old;
	case ND_OP_invert:
		return ~old;
	default:
		return 0;
	}
}

static inline __attribute__((always_inline)) u64 nd_recipe_value(const u64 *registers,
								 const struct nd_op *op)
{
	return registers[op->from % ND_RECIPE_REGISTERS] +
	       (registers[op->index % ND_RECIPE_REGISTERS] << (op->shift & 3)) + op->number;
}

static inline __attribute__((always_inline)) u32
nd_recipe_may_load(u64 address, struct nd_stack stack, const struct nd_access *access)
{
	return nd_is_own_stack(address, stack) || nd_line_of(address) == access->last_line;
}

/* A load is done: `loaded` was at its value. */
static inline __attribute__((always_inline)) void
nd_recipe_loaded(u64 *registers, const struct nd_op *op, u64 loaded)
{
	u8 bits = op->bits & 63 ? op->bits & 63 : 64;
	u32 shift = (64u - bits) & 63;

	registers[op->to % ND_RECIPE_REGISTERS] =
	    op->is_signed ? nd_sign_extend(loaded, bits) : loaded << shift >> shift;
}

/*
 * One operation: 1 where the recipe ends with what is in `access`. registers: ND_RECIPE_REGISTERS
 * of them, of which those from ND_ZERO_REGISTER on are 0 at first.
 */
static inline __attribute__((always_inline)) u32
nd_recipe_step(u64 *registers, const struct nd_op *op, struct nd_stack stack, u32 in_kernel,
	       u32 turn, struct nd_access *access)
{
	enum { ax = 0, dx = 3 };
	u64 value = nd_recipe_value(registers, op);
	u64 old, sign;

	if (op->kind < ND_OP_set)
		return nd_recipe_access(registers, op, value, stack, in_kernel, turn, access);
	if (op->kind == ND_OP_load)
		return 1;
	old = registers[op->to % ND_RECIPE_REGISTERS];
	if (op->bits == 32) {
		old = (u32)old;
		value = (u32)value;
	}
	if (op->kind == ND_OP_divide) {
		old = op->bits == 32 ? (u32)registers[ax] : registers[ax];
		sign = op->is_signed ? 1ull << ((op->bits - 1) & 63) : 0;
		if (registers[dx] != 0 || value == 0 || ((old | value) & sign))
			return 1;
		registers[ax] = old / value;
		registers[dx] = old % value;
		return 0;
	}
	value = nd_recipe_result(op, old, value);
	if (op->to < ND_ZERO_REGISTER)
		registers[op->to % ND_RECIPE_REGISTERS] =
		    op->bits == 32 && op->kind != ND_OP_sign_extend ? (u32)value : value;
	return 0;
}

#endif
