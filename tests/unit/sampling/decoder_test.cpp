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
    sample.stack.sp = kStack;
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

TEST_CASE("what a load put over its own base is no address") {
    auto sample = sample_of({0x48, 0x8b, 0x00}, kRet); // mov rax, [rax]
    sample.registers[ax] = kData;
    CHECK(Decoder().decode(sample).kind == Access::Kind::opaque);
}

TEST_CASE("a pointer chase uses in its next round what it loaded") {
    auto sample = sample_of({0x48, 0x8b, 0x00},
                            {0xff, 0xc9, 0x75, 0xf9, 0xc3}); // head: mov rax,[rax] | dec ecx; jne head
    sample.registers[ax] = kData;
    const Access access = Decoder().decode(sample);
    CHECK(access.kind == Access::Kind::exact);
    CHECK(access.address == kData);
}

TEST_CASE("an operand that cannot be worked out ends the search") {
    auto sample = sample_of(
        {}, {0x0f, 0xc8, 0x8b, 0x08, 0x8b, 0x05, 0, 0x10, 0, 0, 0xc3}); // bswap eax; mov ecx,[rax]; …
    sample.registers[ax] = kData;
    CHECK(Decoder().decode(sample).kind == Access::Kind::opaque);
}

TEST_CASE("random access by xorshift is worked out in the next round of its loop") {
    // head: movzx edi, byte [rsi+rdi] | mov rdx,rax; shl rdx,13; xor rax,rdx; mov rdx,rax; shr rdx,7; xor
    // rax,rdx; mov rdi,rax; and edi,0xfff; jmp head
    auto sample =
        sample_of({0x0f, 0xb6, 0x3c, 0x3e}, {0x48, 0x89, 0xc2, 0x48, 0xc1, 0xe2, 0x0d, 0x48, 0x31, 0xd0, 0x48,
                                             0x89, 0xc2, 0x48, 0xc1, 0xea, 0x07, 0x48, 0x31, 0xd0, 0x48, 0x89,
                                             0xc7, 0x81, 0xe7, 0xff, 0x0f, 0x00, 0x00, 0xeb, 0xdd});
    std::uint64_t x = 88172645463325252ull;
    sample.registers[ax] = x;
    sample.registers[si] = kData;
    x ^= x << 13;
    x ^= x >> 7;
    const Access access = Decoder().decode(sample);
    CHECK(access.kind == Access::Kind::exact);
    CHECK(access.address == kData + (x & 0xfff));
}

TEST_CASE("a remainder is an index, where the division is of unsigned numbers that fit") {
    // xor edx,edx; div rcx; mov edi,[rsi+rdx]
    auto sample = sample_of({}, {0x31, 0xd2, 0x48, 0xf7, 0xf1, 0x8b, 0x3c, 0x16, 0xc3});
    sample.registers[ax] = 0xfedcba9876543210;
    sample.registers[cx] = 1000;
    sample.registers[dx] = 77;
    sample.registers[si] = kData;
    CHECK(Decoder().decode(sample).address == kData + 0xfedcba9876543210 % 1000);
    sample.registers[cx] = 0;
    CHECK(Decoder().decode(sample).kind == Access::Kind::opaque);
}

TEST_CASE("products, rotations, widenings and pops are calculated, the rest is unknown") {
    const auto address_of = [](std::vector<std::uint8_t> code) {
        code.insert(code.end(), {0x8b, 0x3c, 0x06, 0xc3}); // mov edi, [rsi+rax]
        auto sample = sample_of({}, code);
        sample.registers[ax] = 0xfffffffffffffff4;
        sample.registers[cx] = 3;
        sample.registers[si] = kData;
        const Access access = Decoder().decode(sample);
        return access.kind == Access::Kind::exact ? access.address - kData : UINT64_MAX;
    };
    CHECK(address_of({0x48, 0x6b, 0xc1, 0x05}) == 15);              // imul rax, rcx, 5
    CHECK(address_of({0x48, 0x0f, 0xaf, 0xc1}) == UINT64_MAX - 35); // imul rax, rcx: -12 * 3
    CHECK(address_of({0x48, 0xd1, 0xc0}) == 0xffffffffffffffe9);    // rol rax, 1
    CHECK(address_of({0x0f, 0xb6, 0xc1}) == 3);                     // movzx eax, cl
    CHECK(address_of({0x0f, 0xb6, 0xc0}) == 0xf4);                  // movzx eax, al
    CHECK(address_of({0x0f, 0xbe, 0xc0}) == 0xfffffff4);            // movsx eax, al
    CHECK(address_of({0x48, 0x63, 0xc1}) == 3);                     // movsxd rax, ecx
    CHECK(address_of({0xf7, 0xd8}) == 12);                          // neg eax
    CHECK(address_of({0x48, 0xf7, 0xd0}) == 11);                    // not rax
    CHECK(address_of({0x48, 0x0f, 0x44, 0xc1}) == UINT64_MAX);      // cmove rax, rcx
    CHECK(address_of({0xb0, 0x07}) == UINT64_MAX);                  // mov al, 7: a part of it
    CHECK(address_of({0x58}) == UINT64_MAX);                        // pop rax
}

TEST_CASE("behind a compare and its branch the compare has just run") {
    auto sample = sample_of({0x48, 0x83, 0x38, 0x01, 0x74, 0x40},
                            {0x0f, 0xc8, 0xc3}); // cmp qword [rax],1; je | bswap eax
    sample.registers[ax] = kData + 64;
    CHECK(Decoder().decode(sample).address == kData + 64);
}

TEST_CASE("what a branch forward may skip is unknown behind it") {
    // cmp rdx,rsi; jb over; mov rax,rdi; over: mov ecx,[rax]
    auto sample = sample_of({}, {0x48, 0x39, 0xf2, 0x72, 0x03, 0x48, 0x89, 0xf8, 0x8b, 0x08, 0xc3});
    sample.registers[di] = kData;
    sample.registers[ax] = kData + 0x1000;
    CHECK(Decoder().decode(sample).kind == Access::Kind::opaque);
    // … over: mov ecx,[rbx]
    auto other = sample_of({}, {0x48, 0x39, 0xf2, 0x72, 0x03, 0x48, 0x89, 0xf8, 0x8b, 0x0b, 0xc3});
    other.registers[bx] = kData + 0x2000;
    CHECK(Decoder().decode(other).address == kData + 0x2000);
    // cmp rdx,rsi; jb over; mov eax,[rdi]; over: mov ecx,[rbx]: one of two
    auto either = sample_of({}, {0x48, 0x39, 0xf2, 0x72, 0x02, 0x8b, 0x07, 0x8b, 0x0b, 0xc3});
    either.registers[bx] = either.registers[di] = kData;
    CHECK(Decoder().decode(either).kind == Access::Kind::opaque);
}

TEST_CASE("a loop that waits for a flag uses no memory that counts") {
    // head: mov rax, [rdi]; cmp rax, rdx; | je head
    auto flag = sample_of({0x48, 0x8b, 0x07, 0x48, 0x39, 0xd0}, {0x74, 0xf8, 0xc3});
    flag.registers[di] = kData;
    CHECK(Decoder().decode(flag).kind == Access::Kind::own);
    auto paused =
        sample_of({0x48, 0x8b, 0x07}, {0xf3, 0x90, 0x48, 0x39, 0xd0, 0x74, 0xf6}); // … | pause; cmp; je head
    paused.registers[di] = kData;
    CHECK(Decoder().decode(paused).kind == Access::Kind::own);
    // head: mov rax, [rdi]; add rdi, 64; cmp rax, rdx | je head: it looks for something
    auto search = sample_of({0x48, 0x8b, 0x07, 0x48, 0x83, 0xc7, 0x40, 0x48, 0x39, 0xd0}, {0x74, 0xf4, 0xc3});
    search.registers[di] = kData;
    CHECK(Decoder().decode(search).kind == Access::Kind::exact);
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

TEST_CASE("a copy by the kernel for the thread has two ends, a copy of its own none") {
    auto sample = sample_of({}, {0xf3, 0xa4, 0xc3}); // rep movsb
    sample.where = Where::kernel;
    sample.registers[si] = 0xffff888000001000;
    sample.registers[di] = kData;
    Decoder decoder;
    std::vector<std::uint64_t> seen;
    for (int turn = 0; turn < 2; ++turn) {
        const Access access = decoder.decode(sample);
        CHECK(access.kind == Access::Kind::copy);
        seen.push_back(access.address);
    }
    std::ranges::sort(seen);
    CHECK(seen == std::vector<std::uint64_t>{kData, 0xffff888000001000});
    sample.registers[di] = 0xffff888000002000;
    CHECK(decoder.decode(sample).kind == Access::Kind::opaque);
}

TEST_CASE("of a copying loop in the kernel the end at hand counts") {
    auto sample = sample_of({}, {0x48, 0x8b, 0x06, 0xc3}); // mov rax, [rsi]
    sample.where = Where::kernel;
    sample.registers[si] = 0xffff888000001000;
    sample.registers[di] = kData;
    CHECK(Decoder().decode(sample).kind == Access::Kind::copy);
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
