// The mappings of a process by kind, from /proc/PID/maps: what a data address belongs to. Read
// when needed, never smaps or numa_maps, whose reading stalls the process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace numadrift::sampling {

enum class MappingKind {
    heap,
    stack, // of the first thread; those of others are anonymous
    anonymous,
    file,
    shared, // shared memory: anonymous, System V, memfd, /dev/shm
    huge,   // hugetlb
    text,   // a program's or library's code and constants
    none,   // reserved, or the kernel's (vdso): no data
};

std::string_view mapping_name(MappingKind kind);

// By that name: memory that is of the process alone, if no fork shares it.
bool is_own_memory(std::string_view mapping);

struct AddressRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

// "7f0c00000000-7f0c00021000"; none for what is no range, or an empty one.
std::optional<AddressRange> parse_range(std::string_view text);

struct Mapping {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    MappingKind kind = MappingKind::none;

    bool contains(std::uint64_t address) const { return address >= begin && address < end; }
    bool holds_data() const { return kind != MappingKind::text && kind != MappingKind::none; }
};

class Mappings {
public:
    Mappings() = default;
    // Text of /proc/PID/maps; lines that are none are left out.
    static Mappings parse(std::string_view text);

    const Mapping* find(std::uint64_t address) const;
    const std::vector<Mapping>& all() const { return mappings_; }

private:
    std::vector<Mapping> mappings_; // by address
};

} // namespace numadrift::sampling
