// What machine code says about memory and registers (x86-64), read by capstone: a plan for each ip,
// which the registers of a sample then fill with values.
//
// Owns: decoding, the cache of plans. Does not own: values (decoder.h).
#pragma once

#include "sampling/decoder.h"

#include <capstone/capstone.h>
#include <optional>
#include <span>
#include <unordered_map>
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

// What an instruction does to a register, where that is simple enough to foresee.
struct Effect {
    enum class Kind { none, load_address, set, add, subtract, bit_and, shift_left, shift_right };
    Kind kind = Kind::none;
    int to = kNone;
    int from = kNone; // the other register; kNone: `number`
    std::uint64_t number = 0;
    Operand address; // of load_address
    bool is_32_bits = false;
};

struct Instruction {
    std::vector<Operand> operands; // in memory
    Effect effect;
    std::uint32_t written = 0; // registers it changes, a bit each
    bool is_move = false;      // it may load a pointer
};

// What can be learned from the code at one ip, whatever the registers are.
struct Plan {
    std::array<std::uint8_t, kCodeBytes> code{};
    std::uint32_t code_before = 0;
    std::uint32_t code_bytes = 0;
    std::optional<Instruction> before;
    std::vector<Instruction> ahead;
    bool repeats = false; // a string instruction is at ip: it was interrupted in the midst of it
};

class CodeReader {
public:
    CodeReader();
    ~CodeReader();
    CodeReader(const CodeReader&) = delete;
    CodeReader& operator=(const CodeReader&) = delete;

    // The plan for a sample's code; made anew where the code at that ip has changed (a JIT). Valid
    // until the next call.
    const Plan& plan_of(const RawSample& sample);

private:
    Plan make_plan(const RawSample& sample);
    std::size_t length_before(std::span<const std::uint8_t> code, std::uint64_t address);
    bool step(std::span<const std::uint8_t> code, std::uint64_t address);
    Instruction read_instruction();
    Operand read_operand(const x86_op_mem& memory) const;
    Effect read_effect() const;
    std::optional<std::uint64_t> next_address(bool& ends) const;

    csh plain_ = 0;
    csh detailed_ = 0;
    cs_insn* plain_instruction_ = nullptr;
    cs_insn* instruction_ = nullptr; // the one decoded last, with detail
    std::unordered_map<std::uint64_t, Plan> plans_;
};

} // namespace numadrift::sampling
