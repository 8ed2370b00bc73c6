#include "sampling/machine_code.h"

#include <algorithm>
#include <array>

namespace numadrift::sampling {
namespace {

constexpr std::size_t kBefore = 48; // bytes before ip in a whole window
constexpr std::size_t kLongest = 15;
constexpr int kEnoughVotes = 9;
constexpr std::size_t kMostAhead = 24;   // instructions that are followed
constexpr std::size_t kMostSpinning = 8; // … to the end of a loop that waits

// Instructions that may stand in a loop that does nothing but wait.
bool may_wait(unsigned id) {
    switch (id) {
    case X86_INS_MOV:
    case X86_INS_MOVZX:
    case X86_INS_CMP:
    case X86_INS_TEST:
    case X86_INS_NOP: return true;
    default: return false;
    }
}

// As capstone says, which knows it of plain instructions only: of others a first operand is taken for
// written.
bool is_written(const cs_x86& x86, std::uint8_t operand) {
    const std::uint8_t access = x86.operands[operand].access;
    return access == CS_AC_INVALID ? operand == 0 : (access & CS_AC_WRITE) != 0;
}

} // namespace

CodeReader::CodeReader() {
    cs_open(CS_ARCH_X86, CS_MODE_64, &plain_);
    cs_open(CS_ARCH_X86, CS_MODE_64, &detailed_);
    cs_option(detailed_, CS_OPT_DETAIL, CS_OPT_ON);
    plain_instruction_ = cs_malloc(plain_);
    instruction_ = cs_malloc(detailed_);
}

CodeReader::~CodeReader() {
    cs_free(plain_instruction_, 1);
    cs_free(instruction_, 1);
    cs_close(&plain_);
    cs_close(&detailed_);
}

// Decodes one instruction with detail. False for bytes that are none.
bool CodeReader::step(std::span<const std::uint8_t> code, std::uint64_t address) {
    const std::uint8_t* at = code.data();
    std::size_t left = code.size();
    return cs_disasm_iter(detailed_, &at, &left, &address, instruction_);
}

// Length of the instruction that ends where `code` does; 0 where the offsets do not agree.
std::size_t CodeReader::length_before(std::span<const std::uint8_t> code, std::uint64_t address) {
    std::array<std::size_t, kBefore> lengths{};
    for (std::size_t start = 0; start < code.size(); ++start) {
        const std::uint8_t* at = code.data() + start;
        std::size_t left = code.size() - start;
        std::uint64_t where = address + start;
        if (cs_disasm_iter(plain_, &at, &left, &where, plain_instruction_))
            lengths[start] = plain_instruction_->size;
    }
    std::array<int, kLongest + 1> votes{};
    for (std::size_t start = 0; start < code.size(); ++start) {
        std::size_t at = start;
        std::size_t last = 0;
        while (at < code.size() && lengths[at] > 0) {
            last = lengths[at];
            at += last;
        }
        if (at == code.size() && last <= kLongest) ++votes[last];
    }
    std::size_t best = 1;
    for (std::size_t length = 2; length < votes.size(); ++length)
        if (votes[length] > votes[best]) best = length;
    return votes[best] >= kEnoughVotes ? best : 0;
}

Instruction CodeReader::read_instruction() {
    Instruction result;
    const cs_x86& x86 = instruction_->detail->x86;
    result.address = instruction_->address;
    cs_regs read;
    cs_regs written;
    std::uint8_t read_count = 0;
    std::uint8_t written_count = 0;
    if (cs_regs_access(detailed_, instruction_, read, &read_count, written, &written_count) == CS_ERR_OK)
        for (std::uint8_t i = 0; i < written_count; ++i)
            if (const int reg = number_of(written[i]); reg >= 0) result.written |= 1u << reg;
    if (cs_insn_group(detailed_, instruction_, CS_GRP_CALL)) result.written = 0xffff;
    if (!cs_insn_group(detailed_, instruction_, CS_GRP_CALL)) read_effects(*instruction_, result);
    if (instruction_->id == X86_INS_LEA || instruction_->id == X86_INS_NOP) return result;
    result.stores = instruction_->id == X86_INS_PUSH;
    for (std::uint8_t i = 0; i < x86.op_count; ++i)
        if (x86.operands[i].type == X86_OP_MEM) {
            result.operands.push_back(operand_of(*instruction_, x86.operands[i].mem));
            result.stores |= is_written(x86, i);
        }
    result.is_copy = result.operands.size() == 2;
    return result;
}

// Where control goes after the instruction decoded last; none: not foreseeable. A branch backward
// closes a loop and is taken, one forward is not.
std::optional<std::uint64_t> CodeReader::next_address(bool& ends) const {
    const std::uint64_t after = instruction_->address + instruction_->size;
    ends = false;
    for (const unsigned group : {CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT, CS_GRP_IRET})
        if (cs_insn_group(detailed_, instruction_, group)) return std::nullopt;
    if (!cs_insn_group(detailed_, instruction_, CS_GRP_JUMP)) return after;
    const cs_x86& x86 = instruction_->detail->x86;
    const bool is_direct = x86.op_count == 1 && x86.operands[0].type == X86_OP_IMM;
    if (!is_direct) return std::nullopt;
    const auto target = static_cast<std::uint64_t>(x86.operands[0].imm);
    if (instruction_->id != X86_INS_JMP && target >= after) return after;
    ends = target <= instruction_->address; // once round a loop is enough
    return target;
}

// The target of a conditional branch forward, 0 for any other instruction.
std::uint64_t CodeReader::branch_forward() const {
    const cs_x86& x86 = instruction_->detail->x86;
    if (!cs_insn_group(detailed_, instruction_, CS_GRP_JUMP) || instruction_->id == X86_INS_JMP) return 0;
    if (x86.op_count != 1 || x86.operands[0].type != X86_OP_IMM) return 0;
    const auto target = static_cast<std::uint64_t>(x86.operands[0].imm);
    return target > instruction_->address ? target : 0;
}

// Does the loop from `address` to the branch at `branch` only wait? It loads, compares and branches back, and
// its addresses stay what they are.
bool CodeReader::only_waits(std::span<const std::uint8_t> code, std::uint64_t address, std::uint64_t branch) {
    std::uint32_t written = 0;
    std::uint32_t addressed = 0;
    std::size_t loads = 0;
    bool compares = false;
    for (std::size_t at = 0; address + at <= branch && step(code.subspan(at), address + at);
         at += instruction_->size) {
        if (instruction_->id == X86_INS_PAUSE) return true;
        if (address + at == branch) break;
        if (cs_insn_group(detailed_, instruction_, CS_GRP_JUMP)) continue;
        if (!may_wait(instruction_->id)) return false;
        const Instruction instruction = read_instruction();
        written |= instruction.written;
        for (const Operand& operand : instruction.operands)
            for (const int reg : {operand.base, operand.index})
                if (reg >= 0) addressed |= 1u << reg;
        loads += instruction.operands.size();
        compares |= instruction_->id == X86_INS_CMP || instruction_->id == X86_INS_TEST;
        const cs_x86& x86 = instruction_->detail->x86;
        if (instruction_->id == X86_INS_MOV && x86.operands[0].type == X86_OP_MEM) return false; // it stores
    }
    return loads > 0 && compares && (written & addressed) == 0;
}

// A loop around ip, by the first branch back from there that spans it.
bool CodeReader::is_spinning(const RawSample& sample, std::span<const std::uint8_t> code) {
    const std::uint64_t window = sample.ip - sample.code_before;
    std::uint64_t address = sample.ip;
    for (std::size_t count = 0; count < kMostSpinning; ++count) {
        if (address - window >= code.size() || !step(code.subspan(address - window), address)) return false;
        if (instruction_->id == X86_INS_PAUSE) return true;
        bool ends = false;
        const auto next = next_address(ends);
        if (!next) return false;
        const std::uint64_t branch = instruction_->address;
        if (ends && *next <= sample.ip)
            return *next >= window && only_waits(code.subspan(*next - window), *next, branch);
        if (ends && instruction_->id != X86_INS_JMP) return false; // a loop ahead
        address = *next;
    }
    return false;
}

// The instruction that ran before the one at `address`: none where control came from elsewhere, because it
// does not fall through a jump or a return. Of a compare and its branch, which run as one, it is the compare.
std::optional<Instruction> CodeReader::read_before(std::span<const std::uint8_t> code, std::uint64_t window,
                                                   std::uint64_t address) {
    for (int back = 0; back < 2; ++back) {
        const std::size_t length = length_before(code.first(address - window), window);
        address -= length;
        const bool is_read = length > 0 && step(code.subspan(address - window), address);
        if (!is_read || instruction_->size != length || instruction_->id == X86_INS_JMP) return std::nullopt;
        for (const unsigned group : {CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT})
            if (cs_insn_group(detailed_, instruction_, group)) return std::nullopt;
        if (!cs_insn_group(detailed_, instruction_, CS_GRP_JUMP)) return read_instruction();
    }
    return std::nullopt;
}

Plan CodeReader::plan_of(const RawSample& sample) {
    Plan plan;
    const std::span code(sample.code.data(), std::min<std::size_t>(sample.code_bytes, kCodeBytes));
    if (sample.code_before >= code.size()) return plan;
    const std::uint64_t window = sample.ip - sample.code_before;
    const auto rest = [&](std::uint64_t address) {
        return code.subspan(std::min<std::uint64_t>(address - window, code.size()));
    };
    const auto is_inside = [&](std::uint64_t address) { return address - window < code.size(); };

    plan.spins = sample.where == Where::user && is_spinning(sample, code);
    if (sample.code_before == kBefore) plan.before = read_before(code, window, sample.ip);
    std::uint64_t address = sample.ip;
    bool was_round = false;
    while (plan.ahead.size() < kMostAhead && is_inside(address) && step(rest(address), address)) {
        const cs_x86& x86 = instruction_->detail->x86;
        const bool is_repeated = x86.prefix[0] == X86_PREFIX_REP || x86.prefix[0] == X86_PREFIX_REPNE;
        plan.ahead.push_back(read_instruction());
        plan.ahead.back().skips_to = branch_forward();
        if (address == sample.ip) plan.repeats = is_repeated && !plan.ahead.back().operands.empty();
        bool goes_back = false;
        const auto next = next_address(goes_back);
        // The head of a loop: what ran before it is most likely the branch back, not what precedes it.
        if (goes_back && next == sample.ip) plan.before.reset();
        if (!next || (goes_back && was_round)) break;
        was_round |= goes_back;
        address = *next;
    }
    return plan;
}

} // namespace numadrift::sampling
