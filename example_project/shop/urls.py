"""Addresses of the storefront."""

from django.contrib.auth import views as auth_views
from django.urls import path

from example_project.shop.forms import LoginForm
from example_project.shop.views import account, buying, catalogue, visitor

app_name = "shop"

login_view = auth_views.LoginView.as_view(
    template_name="shop/login.html", authentication_form=LoginForm, redirect_authenticated_user=True
)

urlpatterns = [
    path("", catalogue.home, name="home"),
    path("shelf/<slug:slug>/", catalogue.category, name="category"),
    path("search/", catalogue.search, name="search"),
    path("product/<str:sku>/<slug:slug>/", catalogue.product, name="product"),
    path("favicon.ico", catalogue.favicon, name="favicon"),
    path("pictures/<str:sku>.svg", catalogue.picture, name="picture"),
    path("cart/", buying.cart, name="cart"),
    path("cart/add/<str:sku>/", buying.cart_add, name="cart_add"),
    path("cart/change/<str:sku>/", buying.cart_change, name="cart_change"),
    path("checkout/", buying.checkout, name="checkout"),
    path("thanks/<str:number>/", buying.confirmation, name="confirmation"),
    path("thanks/<str:number>/e-mail/", buying.email, name="email"),
    path("account/", account.account, name="account"),
    path("account/orders/<str:number>/", account.order, name="order"),
    path("account/register/", account.register, name="register"),
    path("account/login/", login_view, name="login"),
    path("account/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("consent/", visitor.consent, name="consent"),
    path("shop-as/", visitor.shop_as, name="shop_as"),
]
