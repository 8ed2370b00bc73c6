// How a worker uses its memory, each in a way that a recorder may misread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace drifter {

// One page that all workers share, on another node than what they mostly use. A worker of kind "counter"
// counts in a line of it, one of kind "barrier" waits for its round to change.
struct Hot {
    alignas(4096) std::atomic<std::uint64_t> counter{0};
    alignas(64) std::atomic<std::uint64_t> round{0};
};

class Access {
public:
    enum class Kind { lines, base, random, counter, barrier };

    // Kind by its name; throws std::runtime_error for another.
    Access(const std::string& kind, Hot& hot);

    // One step of work on the memory [begin, end), some milliseconds in an emulator.
    void use(char* begin, char* end);

    // Waits for the next round of the barrier, if it has one and until `stops` is set.
    void wait(const std::atomic<bool>& stops) const;

private:
    std::uint64_t next();
    void use_lines(char* begin, char* end);
    void use_base(const char* begin, const char* end);
    void use_random(const char* begin, const char* end, bool counts);

    Kind kind_;
    Hot& hot_;
    std::size_t at_ = 0; // of use_lines
    std::uint64_t state_ = 88172645463325252u;
    std::uint64_t sum_ = 0;
};

} // namespace drifter
