// What one instruction of x86-64 says of memory and registers, from what capstone says of it: the memory it
// uses, and what it does to registers as far as that can be foreseen.
//
// Owns: single instructions. Does not own: their order (machine_code.h), what follows from it (recipe.h).
#pragma once

#include "util/kernel_words.h"

#include "numadrift/recipe.h"

#include <capstone/capstone.h>
#include <vector>

namespace numadrift::sampling {

inline constexpr int kNone = -1;       // no such register in the operand
inline constexpr int kNotGeneral = -2; // one that a sample does not have (vector index)

struct Operand {
    int base = kNone;
    int index = kNone;
    std::uint64_t scale = 1;
    std::uint64_t displacement = 0; // absolute where it is relative to ip
    bool thread_local_data = false; // fs:
    bool per_cpu = false;           // gs:, the kernel's
};

struct Instruction {
    std::uint64_t address = 0;
    std::vector<Operand> operands; // in memory
    // What it does to registers, as far as that can be foreseen: in the order they are to be done, of those
    // in `foreseen`. Every other register it writes is unknown from then on.
    std::vector<nd_op> effects;
    std::uint32_t foreseen = 0;
    std::uint32_t written = 0;  // registers it changes, a bit each
    std::uint64_t skips_to = 0; // where a branch forward goes if it is taken; 0 for all else
    bool stores = false;        // to memory, the stack's too
    bool is_copy = false;       // a string instruction with two ends: si and di
};

// The number of a register as samples have it, of its parts too; kNone for none, kNotGeneral for all else.
int number_of(unsigned reg);

// An operation that changes nothing yet: all its registers are none.
nd_op op_of(nd_op_kind kind, std::uint8_t bits = 64);
// One whose value is the operand's address. Both registers must be general, or none.
nd_op op_of(nd_op_kind kind, const Operand& operand);

Operand operand_of(const cs_insn& instruction, const x86_op_mem& memory);

// Fills in effects and foreseen. The instruction has detail, and is no call.
void read_effects(const cs_insn& instruction, Instruction& result);

} // namespace numadrift::sampling
