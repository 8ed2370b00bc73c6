#include "sampling/machine_code.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace numadrift::sampling {
namespace {

constexpr std::size_t kBefore = 48; // bytes before ip in a whole window
constexpr std::size_t kLongest = 15;
constexpr int kEnoughVotes = 9;
constexpr std::size_t kMostAhead = 24;   // instructions that are followed
constexpr std::size_t kMostPlans = 4096; // some 4 MiB; position-independent programs have new ones each time

// clang-format off
int number_of(unsigned reg) {
    switch (reg) {
    case X86_REG_RAX: case X86_REG_EAX: case X86_REG_AX: case X86_REG_AL: case X86_REG_AH: return 0;
    case X86_REG_RBX: case X86_REG_EBX: case X86_REG_BX: case X86_REG_BL: case X86_REG_BH: return 1;
    case X86_REG_RCX: case X86_REG_ECX: case X86_REG_CX: case X86_REG_CL: case X86_REG_CH: return 2;
    case X86_REG_RDX: case X86_REG_EDX: case X86_REG_DX: case X86_REG_DL: case X86_REG_DH: return 3;
    case X86_REG_RSI: case X86_REG_ESI: case X86_REG_SI: case X86_REG_SIL: return 4;
    case X86_REG_RDI: case X86_REG_EDI: case X86_REG_DI: case X86_REG_DIL: return 5;
    case X86_REG_RBP: case X86_REG_EBP: case X86_REG_BP: case X86_REG_BPL: return 6;
    case X86_REG_RSP: case X86_REG_ESP: case X86_REG_SP: case X86_REG_SPL: return 7;
    case X86_REG_R8: case X86_REG_R8D: case X86_REG_R8W: case X86_REG_R8B: return 8;
    case X86_REG_R9: case X86_REG_R9D: case X86_REG_R9W: case X86_REG_R9B: return 9;
    case X86_REG_R10: case X86_REG_R10D: case X86_REG_R10W: case X86_REG_R10B: return 10;
    case X86_REG_R11: case X86_REG_R11D: case X86_REG_R11W: case X86_REG_R11B: return 11;
    case X86_REG_R12: case X86_REG_R12D: case X86_REG_R12W: case X86_REG_R12B: return 12;
    case X86_REG_R13: case X86_REG_R13D: case X86_REG_R13W: case X86_REG_R13B: return 13;
    case X86_REG_R14: case X86_REG_R14D: case X86_REG_R14W: case X86_REG_R14B: return 14;
    case X86_REG_R15: case X86_REG_R15D: case X86_REG_R15W: case X86_REG_R15B: return 15;
    case X86_REG_INVALID: return kNone;
    default: return kNotGeneral;
    }
}
// clang-format on

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

const Plan& CodeReader::plan_of(const RawSample& sample) {
    if (plans_.size() >= kMostPlans) plans_.clear();
    Plan& plan = plans_[sample.ip];
    const bool is_same = plan.code_bytes == sample.code_bytes && plan.code_before == sample.code_before &&
                         std::memcmp(plan.code.data(), sample.code.data(), sample.code_bytes) == 0;
    if (!is_same) plan = make_plan(sample);
    return plan;
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
    cs_regs read;
    cs_regs written;
    std::uint8_t read_count = 0;
    std::uint8_t written_count = 0;
    if (cs_regs_access(detailed_, instruction_, read, &read_count, written, &written_count) == CS_ERR_OK)
        for (std::uint8_t i = 0; i < written_count; ++i)
            if (const int reg = number_of(written[i]); reg >= 0) result.written |= 1u << reg;
    if (cs_insn_group(detailed_, instruction_, CS_GRP_CALL)) result.written = 0xffff;
    result.is_move = instruction_->id == X86_INS_MOV;
    result.effect = read_effect();
    if (instruction_->id == X86_INS_LEA || instruction_->id == X86_INS_NOP) return result;
    for (std::uint8_t i = 0; i < x86.op_count; ++i)
        if (x86.operands[i].type == X86_OP_MEM) result.operands.push_back(read_operand(x86.operands[i].mem));
    return result;
}

Operand CodeReader::read_operand(const x86_op_mem& memory) const {
    Operand operand;
    operand.displacement = static_cast<std::uint64_t>(memory.disp);
    if (memory.base == X86_REG_RIP) operand.displacement += instruction_->address + instruction_->size;
    else operand.base = number_of(memory.base);
    operand.index = number_of(memory.index);
    operand.scale = static_cast<std::uint64_t>(memory.scale);
    operand.thread_local_data = memory.segment == X86_REG_FS;
    operand.per_cpu = memory.segment == X86_REG_GS;
    return operand;
}

// Moves, additions and shifts of whole registers: what compilers put between addresses.
Effect CodeReader::read_effect() const {
    const cs_x86& x86 = instruction_->detail->x86;
    Effect effect;
    if (x86.op_count != 2 || x86.operands[0].type != X86_OP_REG || x86.operands[0].size < 4) return {};
    const cs_x86_op& source = x86.operands[1];
    effect.to = number_of(x86.operands[0].reg);
    effect.is_32_bits = x86.operands[0].size == 4;
    if (effect.to < 0) return {};
    if (instruction_->id == X86_INS_LEA) {
        effect.kind = Effect::Kind::load_address;
        effect.address = read_operand(source.mem);
        return effect;
    }
    if (source.type != X86_OP_IMM && (source.type == X86_OP_MEM || source.size < 4)) return {};
    if (source.type == X86_OP_REG) effect.from = number_of(source.reg);
    else effect.number = static_cast<std::uint64_t>(source.imm);
    if (effect.from == kNotGeneral) return {};
    switch (instruction_->id) {
    case X86_INS_MOV:
    case X86_INS_MOVABS: effect.kind = Effect::Kind::set; break;
    case X86_INS_ADD: effect.kind = Effect::Kind::add; break;
    case X86_INS_SUB: effect.kind = Effect::Kind::subtract; break;
    case X86_INS_AND: effect.kind = Effect::Kind::bit_and; break;
    case X86_INS_SHL: effect.kind = Effect::Kind::shift_left; break;
    case X86_INS_SHR: effect.kind = Effect::Kind::shift_right; break;
    case X86_INS_XOR:
        if (effect.from != effect.to) return {};
        effect.kind = Effect::Kind::set;
        effect.from = kNone;
        effect.number = 0;
        break;
    default: return {};
    }
    return effect;
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

Plan CodeReader::make_plan(const RawSample& sample) {
    Plan plan;
    plan.code = sample.code;
    plan.code_before = sample.code_before;
    plan.code_bytes = sample.code_bytes;
    const std::span code(sample.code.data(), std::min<std::size_t>(sample.code_bytes, kCodeBytes));
    if (sample.code_before >= code.size()) return plan;
    const std::uint64_t window = sample.ip - sample.code_before;
    const auto rest = [&](std::uint64_t address) {
        return code.subspan(std::min<std::uint64_t>(address - window, code.size()));
    };
    const auto is_inside = [&](std::uint64_t address) { return address - window < code.size(); };

    if (sample.code_before == kBefore) {
        const std::size_t length = length_before(code.first(kBefore), window);
        const std::uint64_t address = sample.ip - length;
        if (length > 0 && step(rest(address), address) && instruction_->size == length) {
            plan.before = read_instruction();
            // Control does not fall through a jump or a return: it came to ip from elsewhere.
            for (const unsigned group : {CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT})
                if (cs_insn_group(detailed_, instruction_, group)) plan.before.reset();
            if (plan.before && instruction_->id == X86_INS_JMP) plan.before.reset();
        }
    }
    std::uint64_t address = sample.ip;
    bool was_round = false;
    while (plan.ahead.size() < kMostAhead && is_inside(address) && step(rest(address), address)) {
        const cs_x86& x86 = instruction_->detail->x86;
        const bool is_repeated = x86.prefix[0] == X86_PREFIX_REP || x86.prefix[0] == X86_PREFIX_REPNE;
        plan.ahead.push_back(read_instruction());
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
