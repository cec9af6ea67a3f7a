/* ops */
#include "base/base.h"
