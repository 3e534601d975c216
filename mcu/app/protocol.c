#include "protocol.h"

#include <string.h>

typedef struct {
    const char *text;
    uint32_t left;
} cursor;

typedef struct {
    const char *word;
    uint8_t verb;
    uint8_t n_numbers;
    struct {
        uint32_t least, most;
    } range[2];
    const char *refusal; /* for numbers that are missing or out of range */
} form;

static const form forms[] = {
    {"name", BW_CMD_NAME, 0, {{0, 0}, {0, 0}}, "name takes no argument"},
    {"profile", BW_CMD_PROFILE, 0, {{0, 0}, {0, 0}}, "profile takes no argument"},
    {"timestamp", BW_CMD_TIMESTAMP, 0, {{0, 0}, {0, 0}}, "timestamp takes no argument"},
    {"infer", BW_CMD_INFER, 2, {{1, 10000}, {0, 1000}}, "infer takes N 1..10000 and W 0..1000"},
    {"results", BW_CMD_RESULTS, 0, {{0, 0}, {0, 0}}, "results takes no argument"},
    {"p-info", BW_CMD_INFO, 0, {{0, 0}, {0, 0}}, "p-info takes no argument"},
    {"p-frame", BW_CMD_FRAME, 1, {{0, UINT32_MAX}, {0, 0}}, "frame: p-frame takes a byte count"},
    {"p-run", BW_CMD_RUN, 0, {{0, 0}, {0, 0}}, "p-run takes no argument"},
    {"p-infer", BW_CMD_INFER_ONCE, 0, {{0, 0}, {0, 0}}, "p-infer takes no argument"},
    {"p-mem", BW_CMD_MEMORY, 0, {{0, 0}, {0, 0}}, "p-mem takes no argument"},
    {"p-layers", BW_CMD_LAYERS, 0, {{0, 0}, {0, 0}}, "p-layers takes no argument"},
    {"p-kernels", BW_CMD_KERNELS, 0, {{0, 0}, {0, 0}}, "p-kernels takes no argument"},
    {"p-fault", BW_CMD_FAULT, 1, {{1, 4}, {0, 0}}, "p-fault takes a kind 1..4"},
    {"p-exit", BW_CMD_EXIT, 1, {{0, 255}, {0, 0}}, "p-exit takes a status 0..255"},
};

void bw_assembler_reset(bw_assembler *a)
{
    a->length = 0;
    a->overlong = false;
}

bw_assembled bw_assemble(bw_assembler *a, uint8_t byte)
{
    if (byte == '%') {
        return a->overlong ? BW_OVERLONG : BW_COMPLETE;
    }
    if (a->length == 0 && (byte == '\r' || byte == '\n')) {
        return BW_MORE;
    }
    if (a->length < BW_COMMAND_MAX) {
        a->text[a->length] = (char)byte;
        a->length++;
    } else {
        a->overlong = true;
    }
    return BW_MORE;
}

/* Takes the next word, up to a space or the end, and the spaces after it. */
static cursor next_word(cursor *c)
{
    cursor word = {c->text, 0};
    while (c->left > 0 && *c->text != ' ') {
        c->text++;
        c->left--;
        word.left++;
    }
    while (c->left > 0 && *c->text == ' ') {
        c->text++;
        c->left--;
    }
    return word;
}

static bool is(cursor word, const char *wanted)
{
    const size_t length = strlen(wanted);
    return word.left == length && memcmp(word.text, wanted, length) == 0;
}

/* A decimal number that fits 32 bits; signs, blanks and empty words are refused. */
static bool to_number(cursor word, uint32_t *number)
{
    uint32_t value = 0;
    if (word.left == 0) {
        return false;
    }
    for (uint32_t i = 0; i < word.left; i++) {
        const char digit = word.text[i];
        if (digit < '0' || digit > '9') {
            return false;
        }
        const uint32_t more = (uint32_t)(digit - '0');
        if (value > (UINT32_MAX - more) / 10u) {
            return false;
        }
        value = value * 10u + more;
    }
    *number = value;
    return true;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

static const char *parse_hex(cursor word, bw_command *command)
{
    if (word.left == 0 || word.left % 2u != 0) {
        return "db: an even number of hexadecimal digits is needed";
    }
    if (word.left / 2u > BW_DB_BYTES_MAX) {
        return "db: at most 31 bytes a command";
    }
    for (uint32_t i = 0; i < word.left; i += 2) {
        const int high = hex_digit(word.text[i]);
        const int low = hex_digit(word.text[i + 1]);
        if (high < 0 || low < 0) {
            return "db: not a hexadecimal digit";
        }
        command->bytes[i / 2u] = (uint8_t)(high * 16 + low);
    }
    command->n_bytes = (uint8_t)(word.left / 2u);
    command->verb = BW_CMD_DB_BYTES;
    return NULL;
}

static const char *parse_db(cursor rest, bw_command *command)
{
    const cursor word = next_word(&rest);
    if (is(word, "load")) {
        const cursor count = next_word(&rest);
        command->verb = BW_CMD_DB_LOAD;
        if (!to_number(count, &command->number[0]) || rest.left > 0) {
            return "db load takes a byte count";
        }
        return NULL;
    }
    if (rest.left > 0) {
        return "db takes one string of hexadecimal digits";
    }
    return parse_hex(word, command);
}

const char *bw_parse(const char *text, uint32_t length, bw_command *command)
{
    cursor rest = {text, length};
    const cursor word = next_word(&rest);
    memset(command, 0, sizeof *command);
    if (is(word, "db")) {
        return parse_db(rest, command);
    }
    for (uint32_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if (!is(word, forms[f].word)) {
            continue;
        }
        command->verb = (bw_verb)forms[f].verb;
        for (uint32_t i = 0; i < forms[f].n_numbers; i++) {
            uint32_t *number = &command->number[i];
            if (!to_number(next_word(&rest), number) || *number < forms[f].range[i].least ||
                *number > forms[f].range[i].most) {
                return forms[f].refusal;
            }
        }
        return rest.left > 0 ? forms[f].refusal : NULL;
    }
    return "unknown command";
}
