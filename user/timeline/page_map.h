// Where the known pages of a process are, since when, and which threads use them. Twelve bytes
// a page, in blocks of 2 MiB of address space.
#pragma once

#include "timeline/ids.h"

#include <algorithm>
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
    Id only(std::uint32_t thread);

    // The set with the thread in it; the same set if it is, or if there are enough.
    Id with(Id id, std::uint32_t thread);

private:
    Id intern(std::vector<std::uint32_t> set);

    std::vector<std::vector<std::uint32_t>> sets_ = {{}};
    std::vector<Id> only_; // by thread; kNobody: not made yet
    std::map<std::vector<std::uint32_t>, Id> ids_ = {{{}, kNobody}};
};

struct Page {
    Node node = kNoNode;        // kNoNode: nothing is known of this page
    std::uint64_t since_ns = 0; // when it came there, to the millisecond; 0: before the trace
    UserSets::Id users = UserSets::kNobody;
    std::uint8_t shift = 0; // log2 of how many pages it stands for: it was seen by sampling in time
    bool has_moved = false; // it came there from another node; else it was allocated there
};

// How many blocks all maps of a trace may have: 256 GiB of touched address space in 780 MiB. A
// hostile trace could name any number.
struct PageBudget {
    std::uint64_t blocks_left = 1u << 17;
    std::uint64_t pages_refused = 0;
};

class PageMap {
public:
    static constexpr std::uint64_t kPageBytes = 4096;
    static constexpr std::uint64_t kPagesPerBlock = 512;

    Page get(std::uint64_t address) const;

    // Does nothing but count where the budget is used up: that page stays unknown.
    void set(std::uint64_t address, const Page& page, PageBudget& budget);

    // Changes `pages` from `address` on, run by run of pages of which the same is known: change(what
    // is known, address of the first, how many) answers what they are from now on.
    template <class Change>
    void change(std::uint64_t address, std::uint64_t pages, PageBudget& budget, Change&& change);

    // To be given back to the budget when the map goes.
    std::uint64_t blocks() const { return blocks_.size(); }

private:
    struct Entry {                  // a Page in twelve bytes
        std::uint32_t since_ms = 0; // the topmost bit: has_moved
        UserSets::Id users = UserSets::kNobody;
        std::int16_t node = -1;
        std::uint8_t shift = 0;
        std::uint8_t reserved = 0;
        bool operator==(const Entry&) const = default;
    };
    using Block = std::array<Entry, kPagesPerBlock>;

    static Page page_of(const Entry& entry);
    static Entry entry_of(const Page& page);
    Block* find(std::uint64_t number) const;
    Block* find_or_make(std::uint64_t number, std::uint64_t pages, PageBudget& budget);

    std::unordered_map<std::uint64_t, std::unique_ptr<Block>> blocks_;
};

template <class Change>
void PageMap::change(std::uint64_t address, std::uint64_t pages, PageBudget& budget, Change&& change) {
    const std::uint64_t first = address / kPageBytes;
    for (std::uint64_t done = 0; done < pages;) {
        const std::uint64_t at = (first + done) % kPagesPerBlock;
        const std::uint64_t in_block = std::min(pages - done, kPagesPerBlock - at);
        Block* block = find((first + done) / kPagesPerBlock);
        for (std::uint64_t i = 0; i < in_block;) {
            const Entry old = block ? (*block)[at + i] : Entry{};
            std::uint64_t alike = block ? 1 : in_block - i;
            while (i + alike < in_block && (*block)[at + i + alike] == old) ++alike;
            const Entry fresh = entry_of(change(page_of(old), (first + done + i) * kPageBytes, alike));
            if (fresh != old) {
                if (!block) block = find_or_make((first + done) / kPagesPerBlock, alike, budget);
                if (block) std::fill_n(block->begin() + static_cast<std::ptrdiff_t>(at + i), alike, fresh);
            }
            i += alike;
        }
        done += in_block;
    }
}

} // namespace numadrift
