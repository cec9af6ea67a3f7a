/* smtp */
#include "base/base.h"
