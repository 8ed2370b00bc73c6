// From the code around one ip to the recipe of the address it uses (include/numadrift/recipe.h). Pure.
//
// The interrupt usually lands just behind the load that stalled, so the instruction before ip is asked
// first; else the one that uses memory next. That one instruction is answered for, or nothing is:
//   - every register an instruction writes is unknown from then on, but for what is calculated as
//     include/numadrift/recipe.h lists it;
//   - where what ran before ip has overwritten its own address (mov rax, [rax]; movzx ecx, [rdi+rcx]), the
//     same instruction of the next round of its loop is reckoned instead; what lies between is not taken
//     for it;
//   - a branch forward may be taken or not: what the instructions it may skip write is unknown behind them,
//   and
//     where they use memory themselves nothing is said; a branch out of the loop is not taken;
//   - where no more is known of the address than its base, the answer is that it is near there;
//   - accesses to the own stack are passed over, and what they load is known until something is stored:
//   nobody
//     else writes there. So is the line that the thread used at its last sample: a counter or a lock that is
//     used over and over does not hide what else the code uses;
//   - a loop that spins says nothing.
#pragma once

#include "sampling/machine_code.h"

#include <functional>
#include <optional>

namespace numadrift::sampling {

nd_recipe compile(const Plan& plan, Where where);

// The thread's memory at the moment of the sample: the eight bytes at an address, none where nobody can tell.
// Only the interrupt can; tests do.
using LoadMemory = std::function<std::optional<std::uint64_t>(std::uint64_t address)>;

// What the recipe says of a sample. turn: of the two ends of a copy. last_line: what the thread used at its
// last sample.
nd_access follow(const nd_recipe& recipe, const RawSample& sample, std::uint32_t turn,
                 std::uint64_t last_line = 0, const LoadMemory& load = {});

} // namespace numadrift::sampling
