/* QR codes of secrets: for a terminal, as SVG and as PNG. What is drawn is wiped here; the caller wipes what was drawn into. */
#ifndef CLI_QR_H
#define CLI_QR_H

#include "base/base.h"

#define QR_TEXT_ROOM ((size_t)64 * 1024)
enum qr_form { QR_TERMINAL, QR_SVG, QR_PNG };
/* false: too long for a code or for the room, or no memory. For a terminal with colours, light and dark are said by its codes. */
bool qr_put(struct gp_text *, gp_str content, enum qr_form, bool colours);

#endif
