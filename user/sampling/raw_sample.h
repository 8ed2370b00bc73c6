// A sample as it comes from the kernel side when nothing is known yet of the code at its ip.
#pragma once

#include "util/kernel_words.h"

#include "numadrift/recipe.h"

#include <array>
#include <cstdint>

namespace numadrift::sampling {

inline constexpr std::size_t kRegisters = 16; // ax bx cx dx si di bp sp r8 … r15
inline constexpr std::size_t kCodeBytes = 112;

enum class Where {
    user,   // interrupted between two instructions of the program
    fault,  // in the kernel, for the instruction at ip, which will run again
    kernel, // in a system call: ip, registers and code are the kernel's
};

struct RawSample {
    std::uint64_t time_ns = 0;
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    std::uint64_t ip = 0;
    std::array<std::uint64_t, kRegisters> registers{};
    nd_stack stack{};
    Where where = Where::user;
    std::uint32_t code_before = 0;               // ip is at code[code_before]
    std::uint32_t code_bytes = 0;                // of code; 0: it could not be read
    std::array<std::uint8_t, kCodeBytes> code{}; // 0 beyond code_bytes
};

} // namespace numadrift::sampling
