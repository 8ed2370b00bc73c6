// Keeps what the programs in the page-fault path cost under a budget. Where they cost more they are
// attached in slices of time only, at random, and see one in N of what happens: nobody pays for
// them in between, as he would for a program that looks and turns away (50 ns a hook and fault).
// N is a power of two and is told, so that totals stay unbiased.
//
// Owns: the decision, the slices. Does not own: the programs, the clock. Pure.
#pragma once

#include <cstdint>
#include <random>

namespace numadrift::live {

// BPF run time in ns a second: of the programs that can be switched while they are on, and of the rest.
struct CostRate {
    std::uint64_t gated = 0;
    std::uint64_t other = 0;
    bool is_at_most = false; // gated is no more than that, and perhaps much less
};

class Governor {
public:
    static constexpr std::uint64_t kNever = UINT64_MAX;
    static constexpr std::uint32_t kMostOneIn = 1024;

    // budget_ns: of run time a second; 0: no limit.
    explicit Governor(std::uint64_t budget_ns) : budget_ns_(budget_ns) {}

    // To be told whenever it was measured, while the programs were on.
    void measured(CostRate rate, std::uint64_t now_ns);

    bool is_on() const { return is_on_; }
    // They look, or looked, until then.
    std::uint64_t on_until_ns() const { return is_on_ ? due_ns_ : slice_end_ns_; }
    // What is seen now is one in so many of what happens, and since when.
    std::uint32_t one_in() const { return one_in_; }
    std::uint64_t since_ns() const { return slice_begin_ns_; }

    // When the programs are to be switched off or on.
    std::uint64_t due_ns() const { return due_ns_; }
    void switched(std::uint64_t now_ns);
    // They cannot be switched on again: they stay off.
    void give_up();

private:
    std::uint64_t budget_ns_;
    std::uint32_t one_in_ = 1;
    std::uint32_t wanted_one_in_ = 1; // from the next slice on
    bool is_on_ = true;
    std::uint64_t due_ns_ = kNever;
    std::uint64_t slice_begin_ns_ = 0;
    std::uint64_t slice_end_ns_ = 0;
    std::int64_t owed_ns_ = 0; // so much time is still to pass without them
    std::minstd_rand random_;
};

} // namespace numadrift::live
