/* vault */
#include "base/base.h"
