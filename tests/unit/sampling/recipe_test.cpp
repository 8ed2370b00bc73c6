#include "sampling/recipe.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <vector>

using namespace numadrift::sampling;

namespace {

constexpr std::uint64_t kIp = 0x400100;
constexpr std::uint64_t kStack = 0x7ffc00001000;
constexpr std::uint64_t kData = 0x7f0000001000;
constexpr std::uint64_t kTable = 0x7f8000000000;
enum { ax, bx, cx, dx, si, di, bp, sp };

// A thread at kIp with this code ahead of it, and what is in its memory.
struct Stopped {
    RawSample sample;
    std::map<std::uint64_t, std::uint64_t> memory;
    std::uint64_t last_line = 0;

    explicit Stopped(const std::vector<std::uint8_t>& ahead, Where where = Where::user) {
        sample.where = where;
        sample.ip = kIp;
        sample.stack.sp = sample.registers[sp] = kStack;
        sample.code_bytes = kCodeBytes;
        sample.code.fill(0x90);
        std::ranges::copy(ahead, sample.code.begin());
    }

    nd_access access() const {
        const auto load = [this](std::uint64_t address) -> std::optional<std::uint64_t> {
            const auto found = memory.find(address);
            if (found == memory.end()) return std::nullopt;
            return found->second;
        };
        return follow(compile(CodeReader().plan_of(sample), sample.where), sample, 0, last_line, load);
    }
};

const std::vector<std::uint8_t> kIndirect = {0x48, 0x8b, 0x44, 0x24, 0x08, // mov rax, [rsp+8]
                                             0x8b, 0x08, 0xc3};            // mov ecx, [rax]; ret

} // namespace

TEST_CASE("a pointer on the own stack is loaded, what it points to is the access") {
    Stopped at(kIndirect);
    at.memory[kStack + 8] = kData;
    CHECK(at.access().kind == ND_ACCESS_exact);
    CHECK(at.access().address == kData);
}

TEST_CASE("what cannot be read gives no address") {
    CHECK(Stopped(kIndirect).access().kind == ND_ACCESS_own);
}

TEST_CASE("after a store what is loaded is not known") {
    // mov [rsp+8], rbx; mov rax, [rsp+8]; mov ecx, [rax]
    Stopped at({0x48, 0x89, 0x5c, 0x24, 0x08, 0x48, 0x8b, 0x44, 0x24, 0x08, 0x8b, 0x08, 0xc3});
    at.memory[kStack + 8] = kData;
    CHECK(at.access().kind == ND_ACCESS_own);
}

TEST_CASE("a part of a word is loaded by its width and its sign") {
    // movsx rax, dword [rsp+8]; mov ecx, [rbx+rax*4]
    Stopped wide({0x48, 0x63, 0x44, 0x24, 0x08, 0x8b, 0x0c, 0x83, 0xc3});
    wide.sample.registers[bx] = kData;
    wide.memory[kStack + 8] = 0x12345678fffffffe;
    CHECK(wide.access().address == kData - 8);
    // movzx eax, byte [rsp+8]; mov ecx, [rbx+rax*4]
    Stopped narrow({0x0f, 0xb6, 0x44, 0x24, 0x08, 0x8b, 0x0c, 0x83, 0xc3});
    narrow.sample.registers[bx] = kData;
    narrow.memory[kStack + 8] = 0x123456789a;
    CHECK(narrow.access().address == kData + 0x9a * 4);
    // mov eax, [rsp+8]; mov ecx, [rbx+rax*4]
    Stopped half({0x8b, 0x44, 0x24, 0x08, 0x8b, 0x0c, 0x83, 0xc3});
    half.sample.registers[bx] = kData;
    half.memory[kStack + 8] = 0x1234567800000003;
    CHECK(half.access().address == kData + 12);
}

TEST_CASE("sums with what is on the stack are calculated, and pops") {
    // add rbx, [rsp+8]; pop rax; mov ecx, [rbx+rax]
    Stopped at({0x48, 0x03, 0x5c, 0x24, 0x08, 0x58, 0x8b, 0x0c, 0x03, 0xc3});
    at.sample.registers[bx] = kData;
    at.memory = {{kStack, 0x100}, {kStack + 8, 0x2000}};
    CHECK(at.access().address == kData + 0x2100);
}

TEST_CASE("memory that is not the thread's own is an access, and no pointer") {
    // mov rax, [rdi]; mov ecx, [rax]
    Stopped at({0x48, 0x8b, 0x07, 0x8b, 0x08, 0xc3});
    at.sample.registers[di] = kData;
    at.memory[kData] = kTable;
    CHECK(at.access().address == kData);
}

TEST_CASE("the line that was used last does not hide what else the code uses") {
    // mov rax, [rdi]; mov ecx, [rsi+rax]
    Stopped at({0x48, 0x8b, 0x07, 0x8b, 0x0c, 0x06, 0xc3});
    at.sample.registers[di] = kData + 8;
    at.sample.registers[si] = kTable;
    at.memory[kData + 8] = 0x40;
    at.last_line = nd_line_of(kData);
    CHECK(at.access().kind == ND_ACCESS_exact);
    CHECK(at.access().address == kTable + 0x40);
}

TEST_CASE("the line that was used last is the answer where nothing else is found") {
    Stopped at({0x48, 0x8b, 0x07, 0xc3}); // mov rax, [rdi]
    at.sample.registers[di] = kData;
    at.last_line = nd_line_of(kData);
    CHECK(at.access().kind == ND_ACCESS_exact);
    CHECK(at.access().address == kData);
}

TEST_CASE("in the kernel no stack is loaded from") {
    Stopped at(kIndirect, Where::kernel);
    at.memory[kStack + 8] = kData;
    CHECK(at.access().kind != ND_ACCESS_exact);
    CHECK(at.access().address != kData);
}

TEST_CASE("what was mapped behind a thread's stack is not the stack") {
    Stopped at({0x8b, 0x0f, 0xc3}); // mov ecx, [rdi]
    at.sample.registers[di] = kStack + 0x3000;
    CHECK(at.access().kind == ND_ACCESS_own);
    at.sample.stack.end = kStack + 0x2000;
    CHECK(at.access().kind == ND_ACCESS_exact);
    CHECK(at.access().address == kStack + 0x3000);
}
