// Where the memory of a process is, by stratified random sampling of its address space: a few
// thousand pages are asked for, however large the process is. Addresses are drawn uniformly from
// the bytes of a mapping, so huge pages weigh what they hold; where page tables can be walked, from those
// that have a table only: of a mapping that is nearly all hole the rest is not drawn from.
//
// Owns: which addresses to ask for, what the answers mean, how sure that is. Does not own: asking
// (page_query.h).
#pragma once

#include "event/event.h"
#include "sampling/mappings.h"
#include "timeline/ids.h"

#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace numadrift::sampling {

// The parts of a range that may hold memory, in order and apart from each other.
using Populated = std::function<std::vector<AddressRange>(const AddressRange&)>;

// A memory policy of a range of addresses, in words ("bind 0-1"); outside all ranges: "default".
struct PolicyRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::string policy;
};

class ResidencySurvey {
public:
    static constexpr std::size_t kMostPages = 4096; // that are asked for
    static constexpr std::size_t kMostStrata = 64;

    // `populated`: empty where nobody can tell.
    ResidencySurvey(const Mappings& mappings, const std::vector<PolicyRange>& policies, std::uint64_t seed,
                    const Populated& populated = {});

    // The next addresses to ask for, at most `most`; none: the survey is over.
    std::vector<std::uint64_t> next(std::size_t most);
    // The answers to the addresses given last; `pinned`: which of them are, empty where nobody can tell.
    void absorb(std::span<const Node> nodes, const std::vector<bool>& pinned = {});

    // By mapping, policy and node; pages of 4 KiB with 95 % bounds. resident_pages caps the bounds, 0:
    // unknown.
    std::vector<Residency> result(std::uint64_t resident_pages) const;

private:
    struct Piece { // of a stratum
        std::uint64_t begin = 0;
        std::uint64_t before = 0; // pages of the pieces before this one
    };
    struct Stratum {
        std::pair<std::string, std::string> group; // mapping, policy
        std::vector<Piece> pieces;
        std::uint64_t pages = 0;
        std::size_t wanted = 0;
        std::size_t drawn = 0;
        std::size_t asked = 0; // and answered
        std::map<Node, std::size_t> found;
        std::map<Node, std::size_t> pinned; // of these
    };

    std::uint64_t draw(Stratum& stratum);
    void plan_first_round();
    void plan_second_round();

    std::vector<Stratum> strata_;
    std::vector<std::size_t> asked_last_; // stratum of each address
    std::mt19937_64 random_;
    int round_ = 1;
};

} // namespace numadrift::sampling
