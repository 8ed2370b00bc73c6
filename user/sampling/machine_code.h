// What machine code says about memory and registers (x86-64), read by capstone: a plan for the code around
// one ip, whatever the registers are.
//
// Owns: reading code. Does not own: what follows from it (recipe.h), values (decoder.h).
#pragma once

#include "sampling/instruction.h"
#include "sampling/raw_sample.h"

#include <capstone/capstone.h>
#include <optional>
#include <span>
#include <vector>

namespace numadrift::sampling {

// What can be learned from the code at one ip, whatever the registers are.
struct Plan {
    std::optional<Instruction> before;
    std::vector<Instruction> ahead;
    bool repeats = false; // a string instruction is at ip: it was interrupted in the midst of it
    // A loop that waits for a flag: it has `pause`, or does nothing but load one place, compare and branch
    // back.
    bool spins = false;
};

class CodeReader {
public:
    CodeReader();
    ~CodeReader();
    CodeReader(const CodeReader&) = delete;
    CodeReader& operator=(const CodeReader&) = delete;

    Plan plan_of(const RawSample& sample);

private:
    std::size_t length_before(std::span<const std::uint8_t> code, std::uint64_t address);
    bool step(std::span<const std::uint8_t> code, std::uint64_t address);
    Instruction read_instruction();
    std::optional<std::uint64_t> next_address(bool& ends) const;
    std::uint64_t branch_forward() const;
    std::optional<Instruction> read_before(std::span<const std::uint8_t> code, std::uint64_t window,
                                           std::uint64_t address);
    bool only_waits(std::span<const std::uint8_t> code, std::uint64_t address, std::uint64_t branch);
    bool is_spinning(const RawSample& sample, std::span<const std::uint8_t> code);

    csh plain_ = 0;
    csh detailed_ = 0;
    cs_insn* plain_instruction_ = nullptr;
    cs_insn* instruction_ = nullptr; // the one decoded last, with detail
};

} // namespace numadrift::sampling
