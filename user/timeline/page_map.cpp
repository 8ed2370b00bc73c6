#include "timeline/page_map.h"

#include <algorithm>

namespace numadrift {
namespace {

constexpr std::uint64_t kPageShift = 12;
constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint32_t kMovedBit = 1u << 31; // times are below it for 24 days

} // namespace

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

Page PageMap::get(std::uint64_t address) const {
    const std::uint64_t number = address >> kPageShift;
    const auto found = blocks_.find(number / kPagesPerBlock);
    if (found == blocks_.end()) return {};
    const Block& block = *found->second;
    const std::size_t at = number % kPagesPerBlock;
    return {Node{block.node[at]}, (block.since_ms[at] & ~kMovedBit) * kNsPerMs, block.users[at],
            block.shift[at], (block.since_ms[at] & kMovedBit) != 0};
}

void PageMap::set(std::uint64_t address, const Page& page, PageBudget& budget) {
    const std::uint64_t number = address >> kPageShift;
    auto found = blocks_.find(number / kPagesPerBlock);
    if (found == blocks_.end()) {
        if (budget.blocks_left == 0) {
            ++budget.pages_refused;
            return;
        }
        --budget.blocks_left;
        found = blocks_.emplace(number / kPagesPerBlock, std::make_unique<Block>()).first;
        found->second->node.fill(static_cast<std::int16_t>(raw(kNoNode)));
        found->second->since_ms.fill(0);
        found->second->users.fill(UserSets::kNobody);
        found->second->shift.fill(0);
    }
    Block& block = *found->second;
    const std::size_t at = number % kPagesPerBlock;
    block.node[at] = static_cast<std::int16_t>(raw(page.node));
    block.since_ms[at] = (static_cast<std::uint32_t>(page.since_ns / kNsPerMs) & ~kMovedBit) |
                         (page.has_moved ? kMovedBit : 0);
    block.users[at] = page.users;
    block.shift[at] = page.shift;
}

} // namespace numadrift
