from django.contrib.auth.views import LogoutView
from django.urls import path

from mammotrack.accounts import views
from mammotrack.middleware import public

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", public(views.SignInView.as_view()), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("about/", public(views.about), name="about"),
]
