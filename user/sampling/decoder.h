// Which memory a thread used when it was interrupted, from its registers and the code around ip
// (x86-64). Pure: no process is looked at.
//
// The interrupt usually lands just behind the load that stalled, so the instruction before ip is
// asked first; where an instruction begins is found by decoding from many earlier offsets and
// taking what most of them agree on. Then come the instructions that will run next.
//
// Owns: machine code. Does not own: what is at the address (mappings.h, page_query.h).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace numadrift::sampling {

inline constexpr std::size_t kRegisters = 16; // ax bx cx dx si di bp sp r8 … r15
inline constexpr std::size_t kCodeBytes = 112;

// A thread's own stack, around its stack pointer; glibc's thread locals are at its top. Mappings do
// not tell: stacks of Go or of coroutines lie amidst the heap. Accesses to it are passed over: they
// hardly ever miss the caches.
inline constexpr std::uint64_t kStackAbove = 256 << 10;
inline constexpr std::uint64_t kStackBelow = 64 << 10;

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
    std::uint64_t user_sp = 0; // 0 where not known
    Where where = Where::user;
    std::uint32_t code_before = 0; // ip is at code[code_before]
    std::uint32_t code_bytes = 0;  // of code; 0: it could not be read
    std::array<std::uint8_t, kCodeBytes> code{};
};

struct Access {
    enum class Kind {
        exact,  // this address was used, or is used next
        base,   // the index is gone: somewhere near this address
        own,    // the thread's own stack and thread locals, and nothing else near ip
        opaque, // no address can be worked out
    };
    Kind kind = Kind::opaque;
    std::uint64_t address = 0;
};

class CodeReader;

class Decoder {
public:
    Decoder();
    ~Decoder();

    Access decode(const RawSample& sample);

private:
    std::unique_ptr<CodeReader> reader_;
    std::uint64_t turn_ = 0; // of a copy's two operands
};

} // namespace numadrift::sampling
