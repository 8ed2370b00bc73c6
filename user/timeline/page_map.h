// Where the known pages of a process are, since when, and which threads use them. Eleven bytes
// a page, in blocks of 2 MiB of address space.
#pragma once

#include "timeline/ids.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace numadrift {

// Interned sets of threads (by index), so that a page needs one number for all its users.
class UserSets {
public:
    using Id = std::uint32_t;
    static constexpr Id kNobody = 0;
    static constexpr std::size_t kMostUsers = 4; // of a page that are followed

    std::span<const std::uint32_t> members(Id id) const { return sets_[id]; }
    Id only(std::uint32_t thread) { return intern({thread}); }

    // The set with the thread in it; the same set if it is, or if there are enough.
    Id with(Id id, std::uint32_t thread);

private:
    Id intern(std::vector<std::uint32_t> set);

    std::vector<std::vector<std::uint32_t>> sets_ = {{}};
    std::map<std::vector<std::uint32_t>, Id> ids_ = {{{}, kNobody}};
};

struct Page {
    Node node = kNoNode;        // kNoNode: nothing is known of this page
    std::uint64_t since_ns = 0; // when it came there, to the millisecond; 0: before the trace
    UserSets::Id users = UserSets::kNobody;
    std::uint8_t shift = 0; // log2 of how many pages it stands for: it was seen by sampling in time
    bool has_moved = false; // it came there from another node; else it was allocated there
};

// How many blocks all maps of a trace may have: 256 GiB of touched address space in 720 MiB. A
// hostile trace could name any number.
struct PageBudget {
    std::uint64_t blocks_left = 1u << 17;
    std::uint64_t pages_refused = 0;
};

class PageMap {
public:
    Page get(std::uint64_t address) const;

    // Does nothing but count where the budget is used up: that page stays unknown.
    void set(std::uint64_t address, const Page& page, PageBudget& budget);

    // To be given back to the budget when the map goes.
    std::uint64_t blocks() const { return blocks_.size(); }

private:
    static constexpr std::uint64_t kPagesPerBlock = 512;
    struct Block {
        std::array<std::int16_t, kPagesPerBlock> node;
        std::array<std::uint32_t, kPagesPerBlock> since_ms; // the topmost bit: has_moved
        std::array<UserSets::Id, kPagesPerBlock> users;
        std::array<std::uint8_t, kPagesPerBlock> shift;
    };

    std::unordered_map<std::uint64_t, std::unique_ptr<Block>> blocks_;
};

} // namespace numadrift
