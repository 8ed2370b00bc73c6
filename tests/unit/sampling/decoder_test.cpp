#include "sampling/decoder.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <initializer_list>
#include <vector>

using namespace numadrift::sampling;

namespace {

constexpr std::uint64_t kIp = 0x400100;
constexpr std::uint64_t kStack = 0x7ffc00001000;
constexpr std::uint64_t kData = 0x7f0000001000;
enum { ax, bx, cx, dx, si, di, bp, sp, r8, r9 };

// A sample with code before ip (filled up with one-byte nops, so that all offsets agree) and after.
RawSample sample_of(std::vector<std::uint8_t> before, const std::vector<std::uint8_t>& after) {
    RawSample sample;
    sample.ip = kIp;
    sample.user_sp = kStack;
    sample.registers[sp] = kStack;
    sample.code_before = 48;
    sample.code_bytes = kCodeBytes;
    sample.code.fill(0x90);
    std::copy(before.begin(), before.end(), sample.code.begin() + 48 - static_cast<long>(before.size()));
    std::copy(after.begin(), after.end(), sample.code.begin() + 48);
    return sample;
}

const std::vector<std::uint8_t> kRet = {0xc3};

} // namespace

TEST_CASE("the load before ip tells the address it used") {
    auto sample = sample_of({0x48, 0x8b, 0x47, 0x10}, kRet); // mov rax, [rdi+16]
    sample.registers[di] = kData;
    const Access access = Decoder().decode(sample);
    CHECK(access.kind == Access::Kind::exact);
    CHECK(access.address == kData + 16);
}

TEST_CASE("index and scale are reckoned with") {
    auto sample = sample_of({0x8b, 0x04, 0x8f}, kRet); // mov eax, [rdi+rcx*4]
    sample.registers[di] = kData;
    sample.registers[cx] = 100;
    CHECK(Decoder().decode(sample).address == kData + 400);
}

TEST_CASE("a pointer chase points with its result into the same structure") {
    auto sample = sample_of({0x48, 0x8b, 0x00}, kRet); // mov rax, [rax]
    sample.registers[ax] = kData;
    const Access access = Decoder().decode(sample);
    CHECK(access.kind == Access::Kind::exact);
    CHECK(access.address == kData);
}

TEST_CASE("a sum that overwrote its own base is no pointer") {
    auto sample = sample_of({0x48, 0x03, 0x00}, kRet); // add rax, [rax]
    sample.registers[ax] = kData;
    CHECK(Decoder().decode(sample).kind == Access::Kind::opaque);
}

TEST_CASE("an index overwritten by the load leaves the base only") {
    auto sample = sample_of({0x0f, 0xb6, 0x0c, 0x0f}, kRet); // movzx ecx, byte [rdi+rcx]
    sample.registers[di] = kData;
    sample.registers[cx] = 42;
    const Access access = Decoder().decode(sample);
    CHECK(access.kind == Access::Kind::base);
    CHECK(access.address == kData);
}

TEST_CASE("the next load is foreseen through moves and additions") {
    // lea rdx, [rdi+rax]; add rdx, 64; mov ecx, [rdx]
    auto sample = sample_of({}, {0x48, 0x8d, 0x14, 0x07, 0x48, 0x83, 0xc2, 0x40, 0x8b, 0x0a, 0xc3});
    sample.registers[di] = kData;
    sample.registers[ax] = 0x100;
    const Access access = Decoder().decode(sample);
    CHECK(access.kind == Access::Kind::exact);
    CHECK(access.address == kData + 0x140);
}

TEST_CASE("a register that is loaded on the way is not known") {
    // mov rdx, fs:[0x28]; mov ecx, [rdx]
    auto sample = sample_of({}, {0x64, 0x48, 0x8b, 0x14, 0x25, 0x28, 0, 0, 0, 0x8b, 0x0a, 0xc3});
    sample.registers[dx] = kData;
    CHECK(Decoder().decode(sample).kind == Access::Kind::own);
}

TEST_CASE("the own stack is passed over, what follows counts") {
    auto sample =
        sample_of({0x48, 0x8b, 0x44, 0x24, 0x08}, {0x8b, 0x0f, 0xc3}); // mov rax,[rsp+8] | mov ecx,[rdi]
    sample.registers[di] = kData;
    const Access access = Decoder().decode(sample);
    CHECK(access.kind == Access::Kind::exact);
    CHECK(access.address == kData);
}

TEST_CASE("nothing but the own stack is own") {
    CHECK(Decoder().decode(sample_of({0x48, 0x8b, 0x44, 0x24, 0x08}, kRet)).kind == Access::Kind::own);
}

TEST_CASE("a loop is followed back to its head") {
    // head: mov ecx, [rdi]; add rdi, 64; | cmp rdi, rsi; jne head
    auto sample = sample_of({0x8b, 0x0f, 0x48, 0x83, 0xc7, 0x40}, {0x48, 0x39, 0xf7, 0x75, 0xf5, 0xc3});
    sample.registers[di] = kData;
    const Access access = Decoder().decode(sample);
    CHECK(access.kind == Access::Kind::exact);
    CHECK(access.address == kData);
}

TEST_CASE("at the head of a loop what precedes it in memory has not just run") {
    // mov rax, [rdx] | head: mov ecx, [rdi]; jmp head
    auto sample = sample_of({0x48, 0x8b, 0x02}, {0x8b, 0x0f, 0xeb, 0xfc});
    sample.registers[dx] = kData + 0x100000;
    sample.registers[di] = kData;
    CHECK(Decoder().decode(sample).address == kData);
}

TEST_CASE("amidst a loop what precedes ip has just run") {
    // head: mov eax, [rdi]; mov rax, [rdx] | mov ecx, [rsi]; jmp head
    auto sample = sample_of({0x8b, 0x07, 0x48, 0x8b, 0x02}, {0x8b, 0x0e, 0xeb, 0xf7});
    sample.registers[dx] = kData;
    sample.registers[si] = sample.registers[di] = kData + 0x100000;
    CHECK(Decoder().decode(sample).address == kData);
}

TEST_CASE("a copy that was interrupted tells both ends in turn") {
    auto sample =
        sample_of({0x48, 0x8b, 0x4c, 0x24, 0x08}, {0xf3, 0xa4, 0xc3}); // mov rcx,[rsp+8] | rep movsb
    sample.registers[si] = kData;
    sample.registers[di] = kData + 0x10000;
    Decoder decoder;
    std::vector<std::uint64_t> seen = {decoder.decode(sample).address, decoder.decode(sample).address};
    std::ranges::sort(seen);
    CHECK(seen == std::vector<std::uint64_t>{kData, kData + 0x10000});
}

TEST_CASE("for a page fault only the instruction at ip counts") {
    auto sample = sample_of({0x48, 0x8b, 0x02},
                            {0xff, 0xc0, 0x8b, 0x0f, 0xc3}); // mov rax,[rdx] | inc eax; mov ecx,[rdi]
    sample.where = Where::fault;
    sample.registers[dx] = sample.registers[di] = kData;
    CHECK(Decoder().decode(sample).kind == Access::Kind::opaque);
    auto at_ip = sample_of({0x48, 0x8b, 0x02}, {0x8b, 0x0f, 0xc3});
    at_ip.where = Where::fault;
    at_ip.registers[di] = kData + 8;
    CHECK(Decoder().decode(at_ip).address == kData + 8);
}

TEST_CASE("in the kernel a user address counts, one of the kernel does not") {
    auto sample = sample_of({}, {0xf3, 0xa4, 0xc3}); // rep movsb
    sample.where = Where::kernel;
    sample.registers[si] = 0xffff888000001000;
    sample.registers[di] = kData;
    CHECK(Decoder().decode(sample).address == kData);
    sample.registers[di] = 0xffff888000002000;
    CHECK(Decoder().decode(sample).kind == Access::Kind::opaque);
}

TEST_CASE("code that changed under the same ip is decoded anew") {
    Decoder decoder;
    auto first = sample_of({0x48, 0x8b, 0x47, 0x10}, kRet); // mov rax, [rdi+16]
    first.registers[di] = kData;
    CHECK(decoder.decode(first).address == kData + 16);
    auto second = sample_of({0x48, 0x8b, 0x46, 0x20}, kRet); // mov rax, [rsi+32]
    second.registers[si] = kData;
    CHECK(decoder.decode(second).address == kData + 32);
}

TEST_CASE("code that cannot be read, or is none, gives no address") {
    auto sample = sample_of({}, {});
    sample.code_bytes = 0;
    CHECK(Decoder().decode(sample).kind == Access::Kind::opaque);
    auto nonsense = sample_of({}, {});
    nonsense.code.fill(0x06); // no instruction in 64-bit mode
    CHECK(Decoder().decode(nonsense).kind == Access::Kind::opaque);
}
