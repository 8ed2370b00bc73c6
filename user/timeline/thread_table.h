// Numbers by thread id, as fast as an array where ids are those a kernel gives out.
#pragma once

#include "timeline/ids.h"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace numadrift {

class ThreadTable {
public:
    std::optional<std::uint32_t> find(std::uint32_t tid) const {
        if (tid < direct_.size()) {
            if (direct_[tid] != kNone) return direct_[tid];
            return std::nullopt;
        }
        if (tid < kMostDirect) return std::nullopt;
        const auto found = others_.find(tid);
        return found == others_.end() ? std::nullopt : std::optional(found->second);
    }

    void set(std::uint32_t tid, std::uint32_t number) {
        if (tid >= kMostDirect) {
            others_[tid] = number;
            return;
        }
        if (tid >= direct_.size()) direct_.resize(std::size_t{tid} + 1, kNone);
        direct_[tid] = number;
    }

    void erase(std::uint32_t tid) {
        if (tid < direct_.size()) direct_[tid] = kNone;
        else others_.erase(tid);
    }

    template <class Visit> void for_each(Visit&& visit) const {
        for (const std::uint32_t number : direct_)
            if (number != kNone) visit(number);
        for (const auto& [tid, number] : others_) visit(number);
    }

    void clear() { *this = {}; }

private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    static constexpr std::uint32_t kMostDirect = 1u << 22; // PID_MAX_LIMIT; a trace may say anything

    std::vector<std::uint32_t> direct_;
    std::unordered_map<std::uint32_t, std::uint32_t> others_;
};

} // namespace numadrift
