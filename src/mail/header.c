/* mail */
#include "base/base.h"
