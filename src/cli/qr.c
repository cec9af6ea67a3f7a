/* QR codes, by libqrencode; a light border of four modules around, which readers need (ISO/IEC 18004 6.3.8). */
#include "cli/qr.h"

#include <limits.h>
#include <png.h>
#include <qrencode.h>
#include <stdlib.h>

enum { BORDER = 4, PIXELS = 8, LIGHT = 0xff };

static size_t side_of(const QRcode *code)
{
    return (size_t)code->width + 2 * (size_t)BORDER;
}

/* x and y count from the border's corner. */
static bool is_dark(const QRcode *code, size_t x, size_t y)
{
    size_t width = (size_t)code->width;
    if (x < BORDER || y < BORDER || x >= width + BORDER || y >= width + BORDER) return false;
    return code->data[(y - BORDER) * width + x - BORDER] & 1;
}

/* Two modules a character, one above the other; what is light is drawn, as most terminals are dark. */
static void put_terminal(struct gp_text *out, const QRcode *code, bool colours)
{
    static const char *const halves[2][2] = {
        {"\xe2\x96\x88",  "\xe2\x96\x80"}, /* full block, upper half  */
        { "\xe2\x96\x84", " "           }  /* lower half, nothing     */
    };
    for (size_t y = 0; y < side_of(code); y += 2) {
        gp_put_z(out, colours ? "\x1b[40;37;1m" : "");
        for (size_t x = 0; x < side_of(code); x++) gp_put_z(out, halves[is_dark(code, x, y)][is_dark(code, x, y + 1)]);
        gp_put_z(out, colours ? "\x1b[0m\n" : "\n");
    }
}

static void put_svg(struct gp_text *out, const QRcode *code)
{
    gp_put_z(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" shape-rendering=\"crispEdges\" viewBox=\"0 0 ");
    gp_put_number(out, (int64_t)side_of(code));
    gp_put_char(out, ' ');
    gp_put_number(out, (int64_t)side_of(code));
    gp_put_z(out, "\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\"");
    for (size_t y = 0; y < side_of(code); y++)
        for (size_t x = 0; x < side_of(code); x++) {
            if (!is_dark(code, x, y)) continue;
            gp_put_char(out, 'M');
            gp_put_number(out, (int64_t)x);
            gp_put_char(out, ' ');
            gp_put_number(out, (int64_t)y);
            gp_put_z(out, "h1v1h-1z");
        }
    gp_put_z(out, "\"/>\n</svg>\n");
}

static bool put_png(struct gp_text *out, const QRcode *code)
{
    size_t    side = side_of(code) * PIXELS, octets = side * side, room = out->room - out->len;
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = (uint32_t)side, .height = (uint32_t)side, .format = PNG_FORMAT_GRAY
    };
    uint8_t *pixels = malloc(octets);
    if (!pixels) return false;
    for (size_t i = 0; i < octets; i++) pixels[i] = is_dark(code, i % side / PIXELS, i / side / PIXELS) ? 0 : LIGHT;
    bool put = png_image_write_to_memory(&image, out->ptr + out->len, &room, 0, pixels, 0, NULL) != 0;
    if (put) out->len += room;
    gp_wipe(pixels, octets);
    free(pixels);
    return put;
}

bool qr_put(struct gp_text *out, gp_str content, enum qr_form form, bool colours)
{
    QRcode *code = content.len <= INT_MAX
                       ? QRcode_encodeData((int)content.len, (const unsigned char *)content.ptr, 0, QR_ECLEVEL_M)
                       : NULL;
    bool    put  = code != NULL;
    if (!code) return false;
    if (form == QR_TERMINAL) put_terminal(out, code, colours);
    if (form == QR_SVG) put_svg(out, code);
    if (form == QR_PNG) put = put_png(out, code);
    gp_wipe(code->data, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
    return put && !out->cut;
}
