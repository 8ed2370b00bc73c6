#include "timeline/page_map.h"

#include <algorithm>

namespace numadrift {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint32_t kMovedBit = 1u << 31; // times are below it for 24 days

} // namespace

UserSets::Id UserSets::only(std::uint32_t thread) {
    if (thread >= only_.size()) only_.resize(thread + 1);
    if (only_[thread] == kNobody) only_[thread] = intern({thread});
    return only_[thread];
}

UserSets::Id UserSets::with(Id id, std::uint32_t thread) {
    std::vector<std::uint32_t> set = sets_[id];
    const auto place = std::lower_bound(set.begin(), set.end(), thread);
    if ((place != set.end() && *place == thread) || set.size() >= kMostUsers) return id;
    set.insert(place, thread);
    return intern(std::move(set));
}

UserSets::Id UserSets::intern(std::vector<std::uint32_t> set) {
    const auto [entry, is_new] = ids_.try_emplace(set, static_cast<Id>(sets_.size()));
    if (is_new) sets_.push_back(std::move(set));
    return entry->second;
}

Page PageMap::page_of(const Entry& entry) {
    return {Node{entry.node}, (entry.since_ms & ~kMovedBit) * kNsPerMs, entry.users, entry.shift,
            (entry.since_ms & kMovedBit) != 0};
}

PageMap::Entry PageMap::entry_of(const Page& page) {
    return {(static_cast<std::uint32_t>(page.since_ns / kNsPerMs) & ~kMovedBit) |
                (page.has_moved ? kMovedBit : 0),
            page.users, static_cast<std::int16_t>(raw(page.node)), page.shift};
}

PageMap::Block* PageMap::find(std::uint64_t number) const {
    const auto found = blocks_.find(number);
    return found == blocks_.end() ? nullptr : found->second.get();
}

PageMap::Block* PageMap::find_or_make(std::uint64_t number, std::uint64_t pages, PageBudget& budget) {
    if (Block* block = find(number)) return block;
    if (budget.blocks_left == 0) {
        budget.pages_refused += pages;
        return nullptr;
    }
    --budget.blocks_left;
    return blocks_.emplace(number, std::make_unique<Block>()).first->second.get();
}

Page PageMap::get(std::uint64_t address) const {
    const std::uint64_t number = address / kPageBytes;
    const Block* block = find(number / kPagesPerBlock);
    return block ? page_of((*block)[number % kPagesPerBlock]) : Page{};
}

void PageMap::set(std::uint64_t address, const Page& page, PageBudget& budget) {
    change(address, 1, budget, [&page](const Page&, std::uint64_t, std::uint64_t) { return page; });
}

} // namespace numadrift
