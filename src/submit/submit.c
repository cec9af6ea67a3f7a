/* submit */
#include "base/base.h"
