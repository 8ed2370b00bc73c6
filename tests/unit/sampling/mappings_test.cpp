#include "sampling/mappings.h"

#include <doctest/doctest.h>

using namespace numadrift::sampling;

namespace {

constexpr const char* kMaps =
    "55d000000000-55d000001000 r--p 00000000 fe:01 11                 /usr/bin/server\n"
    "55d000001000-55d000004000 r-xp 00001000 fe:01 11                 /usr/bin/server\n"
    "55d000004000-55d000005000 rw-p 00004000 fe:01 11                 /usr/bin/server\n"
    "55d010000000-55d010021000 rw-p 00000000 00:00 0                  [heap]\n"
    "7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n"
    "7f0000001000-7f0000800000 rw-p 00000000 00:00 0 \n"
    "7f0001000000-7f0002000000 rw-s 00000000 00:05 77                 /dev/zero (deleted)\n"
    "7f0003000000-7f0003200000 rw-p 00000000 00:0f 78                 /anon_hugepage (deleted)\n"
    "7f0004000000-7f0005000000 r--s 00000000 fe:01 99                 /var/lib/db/table with space\n"
    "7f0006000000-7f0006001000 rwxp 00000000 00:00 0 \n"
    "nonsense\n"
    "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                  [stack]\n"
    "7ffc00100000-7ffc00102000 r-xp 00000000 00:00 0                  [vdso]\n";

MappingKind kind_at(std::uint64_t address) {
    static const Mappings mappings = Mappings::parse(kMaps);
    const Mapping* found = mappings.find(address);
    REQUIRE(found);
    return found->kind;
}

} // namespace

TEST_CASE("mappings are told apart by what they hold") {
    CHECK(kind_at(0x55d000000000) == MappingKind::text);
    CHECK(kind_at(0x55d000001fff) == MappingKind::text);
    CHECK(kind_at(0x55d000004000) == MappingKind::file); // .data
    CHECK(kind_at(0x55d010000000) == MappingKind::heap);
    CHECK(kind_at(0x7f0000000000) == MappingKind::none);
    CHECK(kind_at(0x7f0000001000) == MappingKind::anonymous);
    CHECK(kind_at(0x7f0001000000) == MappingKind::shared);
    CHECK(kind_at(0x7f0003000000) == MappingKind::huge);
    CHECK(kind_at(0x7f0004000000) == MappingKind::file);
    CHECK(kind_at(0x7f0006000000) == MappingKind::anonymous); // a JIT's: it may hold data too
    CHECK(kind_at(0x7ffc00000000) == MappingKind::stack);
    CHECK(kind_at(0x7ffc00100000) == MappingKind::none);
}

TEST_CASE("between mappings there is none") {
    const Mappings mappings = Mappings::parse(kMaps);
    CHECK(mappings.find(0x1000) == nullptr);
    CHECK(mappings.find(0x7f0000800000) == nullptr);
    CHECK(mappings.find(~std::uint64_t{0}) == nullptr);
    CHECK(Mappings().find(0) == nullptr);
}
