#include "access.h"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace drifter {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kStep = 16 * 4096;
constexpr int kLookups = 4000;
constexpr int kStepsARound = 8;

Access::Kind kind_named(const std::string& name) {
    using enum Access::Kind;
    const std::map<std::string, Access::Kind> kinds = {
        {"lines", lines}, {"base", base}, {"random", random}, {"counter", counter}, {"barrier", barrier}};
    const auto found = kinds.find(name);
    if (found == kinds.end()) throw std::runtime_error("no such access: " + name);
    return found->second;
}

} // namespace

Access::Access(const std::string& kind, Hot& hot) : kind_(kind_named(kind)), hot_(hot) {}

std::uint64_t Access::next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
}

void Access::use(char* begin, char* end) {
    switch (kind_) {
    case Kind::base: return use_base(begin, end);
    case Kind::random: return use_random(begin, end, false);
    case Kind::counter: return use_random(begin, end, true);
    case Kind::lines: return use_lines(begin, end);
    case Kind::barrier:
        for (int i = 0; i < kStepsARound; ++i) use_lines(begin, end);
    }
}

// Every cache line of some pages, in turn: looking at the clock must not be what it mostly does, it is slow
// in a guest.
void Access::use_lines(char* begin, char* end) {
    const auto bytes = static_cast<std::size_t>(end - begin);
    if (at_ >= bytes) at_ = 0;
    const std::size_t until = std::min(at_ + kStep, bytes);
    for (int round = 0; round < 12; ++round)
        for (std::size_t at = at_; at < until; at += kLine) {
            volatile char* byte = begin + at;
            *byte = static_cast<char>(*byte + 1);
        }
    at_ = until;
}

// A table whose index is gone once it was looked up: what is left in a register is where the table begins.
void Access::use_base(const char* begin, const char* end) {
    const auto lines = static_cast<std::uint64_t>(end - begin) / kLine;
    for (int i = 0; i < kLookups; ++i) {
        std::uint64_t index = next() % lines * kLine;
        asm volatile("movzbl (%1,%0), %k0" : "+r"(index) : "r"(begin) : "memory");
        sum_ += index;
    }
}

void Access::use_random(const char* begin, const char* end, bool counts) {
    const auto words = static_cast<std::uint64_t>(end - begin) / sizeof(std::uint64_t);
    const auto* table = reinterpret_cast<const volatile std::uint64_t*>(begin);
    for (int i = 0; i < kLookups; ++i) {
        sum_ += table[next() % words];
        if (counts) hot_.counter.fetch_add(1, std::memory_order_relaxed);
    }
}

void Access::wait(const std::atomic<bool>& stops) const {
    if (kind_ != Kind::barrier) return;
    const std::uint64_t seen =
        hot_.round; // before it is looked whether all stops: the last round comes after that
    if (stops) return;
    while (hot_.round == seen) asm volatile("pause");
}

} // namespace drifter
