/* base */
#include "base/base.h"
